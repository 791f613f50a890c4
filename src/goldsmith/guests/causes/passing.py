"""Failures that may be over at the next try: a network, a name server, a mirror that is just being written."""

import re

from goldsmith.guests.causes.content import REPOSITORY

_APT = re.compile(
    r"Temporary failure resolving|Could not connect to \S+|Hash Sum mismatch|Mirror sync in progress|"
    r"Connection (?:reset by peer|timed out)|TLS handshake|The requested URL returned error: 5\d\d|Status code: 5\d\d"
)


def passing(error: str) -> str:
    """Return the line of a build's error that names such a failure, "" where there is none."""
    known = [(one, one.cause.partition("{")[0].strip()) for one in REPOSITORY if one.passing]
    for line in error.splitlines():
        text = line.strip().removeprefix("| ")
        if _APT.search(text) or any(
            (start and start in text) or one.pattern.search(text) for one, start in known
        ):
            return text
    return ""
