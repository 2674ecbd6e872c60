"""The backend's own settings."""
