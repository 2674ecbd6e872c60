"""For the tests of those who build on AgentOps: an in-memory exporter and contract suites."""
