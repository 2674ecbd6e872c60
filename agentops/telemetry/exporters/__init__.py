"""Destinations: one module for each kind."""
