"""The command line: one file a command group, and the one place that wires tables together."""
