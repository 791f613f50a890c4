"""An image on a web server, of which only the parts are fetched that are looked at."""

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from goldsmith.errors import CatalogError, UsageError
from goldsmith.formats.source import by_blocks
from goldsmith.host.clock import outside
from goldsmith.host.files import human_size

SCHEMES = ("http", "https")
_BLOCK = 256 << 10
_MOST = 64 << 20  # bytes in all; a header that sends us all over the file is not followed for ever
_PATIENCE = 30.0  # seconds for one answer
_TRIES = 3
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_FIXES = {
    401: "give a URL that needs no login, or download the file yourself",
    403: "give a URL that you may read, or download the file yourself",
    404: "correct the URL",
}


class NoRanges(Exception):
    """The server gives only whole files; ``size`` is None where it does not say how large."""

    def __init__(self, size: int | None) -> None:
        self.size = size
        super().__init__()


@dataclass
class UrlSource:
    """A file behind a URL; blocks that came once are kept."""

    url: str
    size: int
    validator: str  # the file's ETag or date; when it changes, so did the file
    _blocks: dict[int, bytes] = field(default_factory=dict)
    _fetched: int = 0

    @property
    def name(self) -> str:
        return unquote(urlsplit(self.url).path).rpartition("/")[2] or self.url

    @property
    def fetched(self) -> int:
        """Return the bytes that came over the network."""
        return self._fetched

    def read(self, offset: int, length: int) -> bytes:
        return by_blocks(self._block, _BLOCK, self.size, offset, length)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            if self._fetched + _BLOCK > _MOST:
                raise CatalogError(
                    f"{self.url}: more than {human_size(_MOST)} would have to be read to look into it",
                    fix="download it, and inspect the file",
                )
            start = number * _BLOCK
            data, size, validator = _range(self.url, start, min(start + _BLOCK, self.size) - 1)
            if (size, validator) != (self.size, self.validator):
                raise CatalogError(f"{self.url} changed while it was read", fix="try it again")
            self._blocks[number] = data
            self._fetched += len(data)
        return self._blocks[number]


def open_url(url: str) -> UrlSource:
    """Ask for the first block. Raises NoRanges where the server cannot give parts, CatalogError where it refuses."""
    if urlsplit(url).scheme not in SCHEMES or not urlsplit(url).hostname:
        raise UsageError(f"{url} is no URL that can be read", fix="give http://... or https://..., or a path")
    data, size, validator = _range(url, 0, _BLOCK - 1)
    return UrlSource(url, size, validator, {0: data}, len(data))


def _range(url: str, first: int, last: int) -> tuple[bytes, int, str]:
    """Return these bytes of the file, its size, and what tells it from another version of it."""
    try:
        request = urllib.request.Request(
            url,
            headers={
                "Range": f"bytes={first}-{last}",
                "Accept-Encoding": "identity",
                "User-Agent": "goldsmith",
            },
        )
    except ValueError as error:
        raise UsageError(f"{url} is no URL: {error}", fix="correct it") from None
    for left in reversed(range(_TRIES)):
        try:
            with outside.waiting(), urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                if answer.status != http.client.PARTIAL_CONTENT:
                    length = answer.headers.get("Content-Length", "")
                    raise NoRanges(int(length) if length.isascii() and length.isdigit() else None)
                size = _size(url, answer.headers, first)
                data = answer.read(last - first + 1)
                if len(data) < min(last + 1, size) - first:
                    raise http.client.IncompleteRead(data)
                return data, size, answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and first == 0:
                return b"", 0, ""  # an empty file has no first byte
            if error.code not in _PASSING or not left:
                raise CatalogError(
                    f"{url}: the server says {error.code} {error.reason}",
                    fix=_FIXES.get(error.code, "try it again later"),
                ) from None
        except (OSError, http.client.HTTPException) as error:
            if not left:
                reason = getattr(error, "reason", None) or error
                raise CatalogError(
                    f"{url} cannot be read: {reason}", fix="see to the URL and the network"
                ) from None
    raise AssertionError("the last try returns or raises")


def _size(url: str, headers: Mapping[str, str], first: int) -> int:
    found = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if not found or int(found[1]) != first:
        raise CatalogError(
            f"{url}: the server answers with other bytes than were asked for",
            fix="download the file yourself, and inspect it",
        )
    return int(found[3])
