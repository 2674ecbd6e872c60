"""A small real multi-agent program and the offline model server it talks to."""
