"""The public names of agentops 0.3 and 0.4, on today's client."""
