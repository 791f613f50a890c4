"""Commands that messages tell a person to type."""


def command(words: str, cloud: str = "") -> str:
    """Return a command of Goldsmith; ``cloud`` is the catalog it is to act on, "" the embedded one."""
    return f"goldsmith {words} --catalog {cloud}" if cloud else f"goldsmith {words}"
