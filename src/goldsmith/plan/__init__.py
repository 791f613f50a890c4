"""What would be built, under which keys, and why."""
