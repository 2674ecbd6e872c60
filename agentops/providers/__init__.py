"""What acts on a vendor's call: patches, times, wraps streams."""
