"""Searches the bytes of a finished image for secrets of its build, deleted files and free blocks included."""

import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from goldsmith.audit.facts import Hit, Search
from goldsmith.host import aside
from goldsmith.host.process import Host

WINDOW = 64 << 20  # bytes decompressed at a time; the scratch space this needs
SHORTEST = 5  # characters; anything shorter turns up in random data
_SHORTEST_BASE64 = 8
_FIX = "apt install qemu-utils"


def search(
    image: Path,
    secrets: Sequence[str],
    *,
    driver: str,
    virtual_size: int,
    host: Host,
    scratch: Path | None = None,
    window: int = WINDOW,
) -> Search:
    """Look for each secret as UTF-8, UTF-16LE and inside base64 of either. ``driver`` is QEMU's name of the format.

    ``scratch`` is a folder with room for one window (a temporary one by default). No secret is given to a program.
    """
    wanted = [secret for secret in secrets if len(secret) >= SHORTEST]
    patterns = {
        pattern: (number, encoding)
        for number, secret in enumerate(secrets, 1)
        if len(secret) >= SHORTEST
        for encoding, pattern in spellings(secret)
    }
    hits: dict[tuple[int, str], Hit] = {}
    if patterns:
        for start, data in _windows(
            image, driver, virtual_size, host, scratch, window, max(map(len, patterns)) - 1
        ):
            for pattern, (number, encoding) in patterns.items():
                if (number, encoding) not in hits and (at := data.find(pattern)) >= 0:
                    hits[number, encoding] = Hit(number, encoding, start + at)
    return Search(
        len(wanted), len(secrets) - len(wanted), tuple(sorted(hits.values(), key=lambda hit: hit.offset))
    )


def spellings(secret: str) -> Iterator[tuple[str, bytes]]:
    """Yield the ways in which a secret may stand on a disk; of a text of many lines, its longest."""
    text = max(
        (line.strip() for line in secret.splitlines() if not line.startswith("-----")),
        key=len,
        default=secret,
    )
    text = text if len(text) >= SHORTEST else secret
    plain = text.encode()
    yield "plain text", plain
    wide = text.encode("utf-16-le")  # Windows; in an answer file it hides passwords as base64 of that
    yield "UTF-16", wide
    yield from (("base64", inner) for inner in _in_base64(plain))
    yield from (("base64 of UTF-16", inner) for inner in _in_base64(wide))


def _in_base64(data: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of ``data`` at each of the three places that it can have in a longer text."""
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + data)
        first = (0, 2, 3)[shift]
        last = (None, -3, -2)[(shift + len(data)) % 3]
        if len(inner := coded[first:last]) >= _SHORTEST_BASE64:
            yield inner


def _windows(
    image: Path, driver: str, size: int, host: Host, scratch: Path | None, window: int, overlap: int
) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of all parts with data, each led by the end of the part before."""
    with aside.scratch("search", within=scratch) as folder:
        part = folder / "part"
        before, end = b"", -1
        for index in _used(image, driver, size, host, window):
            part.unlink(missing_ok=True)
            length = min(window, size - index * window)
            source = (
                f"driver=raw,offset={index * window},size={length},file.driver={driver},file.file.driver=file"
            )
            name = str(image.absolute()).replace(",", ",,")
            host.run(
                *("qemu-img", "convert", "-O", "raw"),
                *("--image-opts", f"{source},file.file.filename={name}", part),
                fix=_FIX,
                timeout=600,
            )
            data = (before if end == index * window else b"") + part.read_bytes()
            yield index * window + part.stat().st_size - len(data), data
            before, end = data[-overlap:], (index + 1) * window


def _used(image: Path, driver: str, size: int, host: Host, window: int) -> list[int]:
    said = host.run("qemu-img", "map", "--output=json", "-f", driver, image, fix=_FIX, timeout=600)
    used = {
        index
        for extent in json.loads(said.stdout)
        if extent["data"] and not extent["zero"]
        for index in range(extent["start"] // window, (extent["start"] + extent["length"] - 1) // window + 1)
    }
    return sorted(index for index in used if index * window < size)
