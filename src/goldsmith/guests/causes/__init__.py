"""Why guests fail, by what they say: patterns with a cause and a fix, as data."""
