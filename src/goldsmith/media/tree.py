"""The .treeinfo of an installation tree, here or on a server."""

from pathlib import Path

from goldsmith.errors import CatalogError, HostError
from goldsmith.host.aside import scratch
from goldsmith.host.process import Host
from goldsmith.media.download import Download, read_answer

NAMES = (".treeinfo", "treeinfo")  # some mirrors hide files with a dot
_GONE = (404, 410)


def treeinfo(host: Host, location: str) -> str | None:
    """Return the text of a tree's .treeinfo, or None where it has none; ``location`` is a folder or a URL.

    Raises CatalogError when a server cannot be reached or refuses, HostError when a folder cannot be read.
    """
    if "://" in location:
        return _fetched(host, location)
    try:
        files = (Path(location) / name for name in NAMES)
        return next(
            (one.read_text(encoding="utf-8", errors="replace") for one in files if one.is_file()), None
        )
    except OSError as error:
        raise HostError(f"cannot read {location}: {error.strerror}", fix="see to its permissions") from None


def _fetched(host: Host, url: str) -> str | None:
    for name in NAMES:
        with scratch("tree") as folder:
            download = Download(f"{url.rstrip('/')}/{name}", folder)
            try:
                return download.run(host).read_text(encoding="utf-8", errors="replace")
            except CatalogError:
                if read_answer(download.folder / "headers").status not in _GONE:
                    raise
    return None
