"""Import paths of agentops 0.4 under ``agentops.sdk``; today's names stand in :mod:`agentops`."""
