"""The composition root of the SDK, and the only holder of global state."""
