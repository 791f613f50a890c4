"""The files of an installation tree that say what it is, and those that its installer starts from."""

import configparser
import re
from pathlib import Path, PurePosixPath

from goldsmith.errors import CatalogError, HostError
from goldsmith.host.aside import scratch
from goldsmith.host.process import Host
from goldsmith.media.download import TRIES, Download, read_answer

NAMES = (".treeinfo", "treeinfo")  # some mirrors hide files with a dot
_REPODATA = "repodata/repomd.xml"
_BOOTED = (
    *("images/pxeboot/vmlinuz", "images/pxeboot/initrd.img"),
    *("images/install.img", "LiveOS/squashfs.img", "isolinux/vmlinuz", "isolinux/initrd.img"),
)  # where .treeinfo names none: virt-install looks there
_NAMED = re.compile(r"images-.*|stage2")  # its sections whose values are files
_GONE = (404, 410)


def treeinfo(host: Host, location: str, *, tries: int = TRIES) -> str | None:
    """Return the text of a tree's .treeinfo, or None where it has none; ``location`` is a folder or a URL.

    Raises CatalogError when a server cannot be reached or refuses, HostError when a folder cannot be read.
    """
    if "://" in location:
        found = (fetched(host, location, name, tries=tries) for name in NAMES)
        return next((one for one in found if one is not None), None)
    try:
        files = (Path(location) / name for name in NAMES)
        return next(
            (one.read_text(encoding="utf-8", errors="replace") for one in files if one.is_file()), None
        )
    except OSError as error:
        raise HostError(f"cannot read {location}: {error.strerror}", fix="see to its permissions") from None


def fetched(host: Host, url: str, name: str, *, tries: int = TRIES) -> str | None:
    """Return a small file of a tree on a server, None where it is not there; raises as ``treeinfo`` does."""
    with scratch("tree") as folder:
        download = Download(f"{url.rstrip('/')}/{name}", folder, tries=tries)
        try:
            return download.run(host).read_text(encoding="utf-8", errors="replace")
        except CatalogError:
            if read_answer(download.folder / "headers").status not in _GONE:
                raise
    return None


def repodata(text: str) -> list[str]:
    """Return where a tree of this .treeinfo may have the indices of its packages."""
    said = _read(text)
    variants = [said[name].get("repository", "") for name in said if name.startswith("variant-")]
    places = {PurePosixPath(one or ".") / _REPODATA for one in (".", *variants)}
    return _within(places)


def booted(text: str) -> list[str]:
    """Return what an installer starts from in a tree of this .treeinfo; boot.iso is for others."""
    said = _read(text)
    listed = [*said["checksums"]] if "checksums" in said else []
    named = [value for name in said if _NAMED.fullmatch(name) for value in said[name].values() if value]
    return [
        one
        for one in _within({PurePosixPath(one) for one in (*listed, *named, *_BOOTED)})
        if one[-4:] != ".iso"
    ]


def _within(places: set[PurePosixPath]) -> list[str]:
    return sorted(str(one) for one in places if not one.is_absolute() and ".." not in one.parts)


def _read(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of files
    try:
        parser.read_string(text)
    except configparser.Error:
        parser.clear()
    return parser
