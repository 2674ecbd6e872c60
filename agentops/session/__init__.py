"""One run of an agent, and the register of the runs that are live."""
