"""Rewrites programs for older agentops."""
