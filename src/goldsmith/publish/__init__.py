"""Images on their way into catalogs outside: looked at, in the format that is wanted, sent once."""
