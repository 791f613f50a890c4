"""Pages and documents for people about what was built."""
