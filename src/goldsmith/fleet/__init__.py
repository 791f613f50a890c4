"""Many builds: which of them may run at once here, and the night that builds all recipes."""
