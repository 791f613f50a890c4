"""Boot a finished image as a cloud does, twice, and ask what came up."""
