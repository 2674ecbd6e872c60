"""How a call becomes a span and an event."""
