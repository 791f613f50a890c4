"""Split a command's text into words as the programs' own start-up code does."""

import re


def split_words(text: str, *, keep_quotes: bool = False) -> list[str]:
    """Return the words; quotes hold blanks together and are dropped unless asked for."""
    words = re.findall(r'(?:"[^"]*"?|[^\s"])+', text)
    return words if keep_quotes else [word.replace('"', "") for word in words]
