"""Every stage of a build: one file each, and the one place that puts them in order."""
