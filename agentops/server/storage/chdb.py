"""Storage in the embedded engine."""
