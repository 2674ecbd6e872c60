"""The composition root of the backend."""
