"""The words by which an install says that it has ended, found also where the kernel speaks on the same line."""

import re

_STAMP = re.compile(r"\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ")
# Of a kernel that tells no time, as RHEL 6 does not: "sd 0:0:0:0: [sda]", "EXT4-fs (vda1): re-mounted".
_UNSTAMPED = re.compile(r"type=\d+ audit\(|[A-Za-z][\w/-]*(?: \S+)?: ")


class Marker:
    """Reads the lines of a console for a text that stands alone, or at the end of what is said.

    The kernel writes to the same port whenever it likes: before the text, after it, or in the midst of it.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._begun = ""  # of a line that the kernel has cut

    def ends(self, line: str) -> bool:
        """Take a line; say whether the text was reached."""
        own, *kernel = _STAMP.split(line)
        whole, alone = self._begun + own, line.removeprefix(self._text)
        self._begun = whole[-len(self._text) :] if kernel else ""
        said = (whole, own, *kernel)
        return any(one.rstrip().endswith(self._text) for one in said) or (
            alone != line and _UNSTAMPED.match(alone) is not None
        )
