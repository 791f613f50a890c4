"""What packages say of their licences, in the words of SPDX where those are known for certain."""

import re

# As Fedora's and Debian's lists of short names have them; what is on neither is told as it stands.
_KNOWN = {
    "apache-2.0": "Apache-2.0",
    "asl 2.0": "Apache-2.0",
    "artistic 2.0": "Artistic-2.0",
    "boost": "BSL-1.0",
    "bsl-1.0": "BSL-1.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "cc0": "CC0-1.0",
    "cc0-1.0": "CC0-1.0",
    "curl": "curl",
    "expat": "MIT",
    "ftl": "FTL",
    "isc": "ISC",
    "mit": "MIT",
    "openldap": "OLDAP-2.8",
    "openssl": "OpenSSL",
    "psf-2": "PSF-2.0",
    "python": "Python-2.0",
    "sendmail": "Sendmail",
    "unlicense": "Unlicense",
    "vim": "Vim",
    "x11": "X11",
    "zlib": "Zlib",
}
_GNU = re.compile(r"(a|l|)gpl(?:-?v?)(\d)(?:\.(\d))?(\+|-only|-or-later|)", re.IGNORECASE)
_MOZILLA = re.compile(r"mpl(?:-|v)([12])\.([01])", re.IGNORECASE)
_WORDS = re.compile(r"\s+(and|or)\s+|([()])", re.IGNORECASE)


def expression(said: str) -> str:
    """Return an SPDX licence expression; "" where a part of what is said is not known to be one licence."""
    parts: list[str] = []
    for one in _WORDS.split(said.strip()):
        if not one or not one.strip():
            continue
        word = one.strip()
        if word.lower() in ("and", "or"):
            parts.append(word.upper())
        elif word in ("(", ")"):
            parts.append(word)
        elif found := _one(word):
            parts.append(found)
        else:
            return ""
    return " ".join(parts).replace("( ", "(").replace(" )", ")") if _sound(parts) else ""


def _one(word: str) -> str:
    if known := _KNOWN.get(word.lower()):
        return known
    if gnu := _GNU.fullmatch(word):
        kind, major, minor, later = gnu.groups()
        exact = f"{kind.upper()}GPL-{major}.{minor or '0'}"
        return f"{exact}-or-later" if later in ("+", "-or-later") else f"{exact}-only"
    if mozilla := _MOZILLA.fullmatch(word):
        return f"MPL-{mozilla[1]}.{mozilla[2]}"
    return ""


def _sound(parts: list[str]) -> bool:
    """Say whether licences and operators take turns and the parentheses fit."""
    depth, wants_licence = 0, True
    for one in parts:
        if one == "(" and wants_licence:
            depth += 1
        elif one == ")" and not wants_licence and depth:
            depth -= 1
        elif (one in ("AND", "OR")) is not wants_licence and one not in "()":
            wants_licence = one in ("AND", "OR")
        else:
            return False
    return bool(parts) and not wants_licence and depth == 0
