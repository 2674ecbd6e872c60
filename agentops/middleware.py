"""Incoming requests: ASGI and WSGI middleware that continue trace and session."""
