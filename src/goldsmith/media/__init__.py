"""Installation media: the library of those kept, and the one that Goldsmith makes itself."""
