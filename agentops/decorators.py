"""Decorators and context managers: session, agent, task, workflow, tool, guardrail."""
