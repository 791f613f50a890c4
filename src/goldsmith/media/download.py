"""One file from a URL, by curl: what has come is kept, and the next try goes on from there."""

import hashlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from goldsmith.errors import CatalogError, HostError
from goldsmith.host.aside import scratch
from goldsmith.host.clock import outside
from goldsmith.host.files import human_size
from goldsmith.host.process import Host, Output

Progress = Callable[[int, int], None]  # bytes that are here, bytes there are

SCHEMES = ("http", "https", "ftp")
INSTALL = "apt install curl, or dnf install curl"
TRIES = 5  # without a byte more
_GOES_ON = "the same command goes on from there"
_CONNECT = 30  # seconds
_STALLED = 60  # seconds without a byte, after which the connection counts as dead
_TRANSIENT = {5, 6, 7, 16, 18, 28, 35, 52, 55, 56, 92}  # curl's exit statuses for what may pass
_NO_RANGES = 33
_CANNOT_WRITE = 23
_NOTHING_THERE = "416"  # the answer to one who has it all already, or more
_PASSING = {"408", "425", "429", "500", "502", "503", "504"}
_SIZE = re.compile(r"^bytes (?:\d+-\d+|\*)/(\d+)$")


@dataclass(frozen=True)
class Answer:
    """The head of what the server said last; ``total`` is the size of the whole file, where it is known."""

    status: int = 0
    total: int | None = None
    validator: str = ""  # what the file is called in If-Range: a strong ETag, or its date
    version: str = field(
        default="", compare=False
    )  # ETag and date, by which another file is told; "" for neither


@dataclass(frozen=True)
class Download:
    """A file that is being fetched into a folder of its own; ``pause`` is in seconds and doubles with each try.

    ``verified`` says that somebody compares a digest afterwards. Only then is a partial file gone on with that
    cannot be told from another version of it; the others are fetched from their start.
    """

    url: str
    folder: Path
    verified: bool = False
    pause: float = 2.0
    tries: int = TRIES

    @classmethod
    def under(cls, folder: Path, url: str, *, verified: bool) -> "Download":
        """Give each URL its own folder below ``folder``."""
        return cls(url, folder / hashlib.sha256(url.encode()).hexdigest()[:16], verified)

    @property
    def file(self) -> Path:
        name = unquote(urlsplit(self.url).path).rpartition("/")[2].replace("\0", "").lstrip(".")
        return self.folder / "file" / (name or "medium")

    def run(self, host: Host, *, on_progress: Progress | None = None) -> Path:
        """Return the whole file.

        Raises HostError where curl is missing or the disk is full, CatalogError when the server refuses or cannot
        be reached; what has come until then is kept.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        tries, pause = 0, self.pause
        while True:
            before = self._size()
            output = self._fetch(host, on_progress)
            if self._is_whole(output):
                return self.file
            tries = 0 if self._size() > before else tries + 1
            pause = self.pause if self._size() > before else pause * 2
            if not self._may_pass(output) or tries >= self.tries:
                raise self._failure(output)
            with outside.waiting():
                time.sleep(pause)

    def drop(self) -> None:
        """Forget what has come."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fetch(self, host: Host, on_progress: Progress | None) -> Output:
        headers = self.folder / "headers"
        validator = self._known_validator(headers)
        if self._size() and not validator and not self.verified:
            self.file.unlink()
        same = ["--header", f"If-Range: {validator}"] if validator and self._size() else []
        headers.unlink(missing_ok=True)
        with _watched(self.file, headers, on_progress):
            return host.run(
                "curl", "--fail", "--location", "--globoff", "--silent", "--show-error",
                "--proto", "=" + ",".join(SCHEMES), "--connect-timeout", str(_CONNECT),
                "--speed-limit", "1", "--speed-time", str(_STALLED),
                *same, "--continue-at", "-", "--dump-header", headers,
                "--write-out", "%{http_code}", "--output", self.file, "--url", self.url,
                ok=range(256), fix=INSTALL,
            )  # fmt: skip

    def _known_validator(self, headers: Path) -> str:
        """Return what the partial file was called by the server that sent its first part."""
        kept = self.folder / "validator"
        if (answer := read_answer(headers)).status in (200, 206) and answer.validator:
            kept.write_text(answer.validator, encoding="utf-8")
        return kept.read_text(encoding="utf-8") if kept.exists() else ""

    def _is_whole(self, output: Output) -> bool:
        """Tell whether all of it is here; a partial file that does not fit the server's is removed."""
        answer = read_answer(self.folder / "headers")
        nothing_more = output.stdout.strip() == _NOTHING_THERE
        if nothing_more and answer.total and answer.total == self._size():
            return True
        fits = answer.total in (None, self._size())
        if nothing_more or output.code == _NO_RANGES or (output.code == 0 and not fits):
            self.file.unlink(missing_ok=True)
            (self.folder / "validator").unlink(missing_ok=True)
            return False
        return output.code == 0 and self.file.exists()

    def _may_pass(self, output: Output) -> bool:
        status = output.stdout.strip()
        begins_anew = not self.file.exists() and (output.code in (0, _NO_RANGES) or status == _NOTHING_THERE)
        return begins_anew or output.code in _TRANSIENT or status in _PASSING

    def _failure(self, output: Output) -> CatalogError | HostError:
        reason = _reason(output)
        here = f"; {human_size(self._size())} are kept" if self._size() else ""
        if output.code == _CANNOT_WRITE:
            return HostError(
                f"cannot write the download of {self.url} to {self.folder}: {reason}{here}",
                fix=f"free space, then {_GOES_ON}",
            )
        fixes = {
            "404": "correct the URL: the server has no such file",
            "410": "correct the URL: the server has it no more",
            "401": "the server wants a login: download the file yourself and give its path",
            "403": "the server does not allow it: download the file yourself and give its path",
        }
        fix = fixes.get(output.stdout.strip(), f"see to the network and the URL; {_GOES_ON}")
        return CatalogError(f"cannot download {self.url}: {reason}{here}", fix=fix)

    def _size(self) -> int:
        return self.file.stat().st_size if self.file.exists() else 0


def look(host: Host, url: str, *, patience: int = _CONNECT) -> Answer:
    """Ask a server for the head of a file, without the file; status 0 where it cannot be reached in ``patience``."""
    with scratch("look") as folder:
        headers = folder / "headers"
        host.run(
            "curl", "--head", "--location", "--globoff", "--silent", "--proto", "=" + ",".join(SCHEMES),
            "--max-time", str(patience), "--dump-header", headers, "--output", folder / "body", "--url", url,
            ok=range(256), fix=INSTALL,
        )  # fmt: skip
        return read_answer(headers)


def read_answer(headers: Path) -> Answer:
    """Read the last head that curl wrote down; redirects and proxies come before it."""
    try:
        text = headers.read_text(encoding="latin-1")
    except OSError:
        return Answer()
    heads = [one for one in re.split(r"\r?\n\r?\n", text) if one.startswith("HTTP/")]
    if not heads:
        return Answer()
    first, *rest = heads[-1].splitlines()
    pairs = (line.partition(":") for line in rest)
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    words = first.split()
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    etag = fields.get("etag", "")
    validator = etag if etag and not etag.startswith("W/") else fields.get("last-modified", "")
    version = "; ".join(filter(None, (etag, fields.get("last-modified", ""))))
    return Answer(status, _total(status, fields), validator, version)


def _total(status: int, fields: dict[str, str]) -> int | None:
    if match := _SIZE.match(fields.get("content-range", "")):
        return int(match.group(1))
    length = fields.get("content-length", "")
    return int(length) if status == 200 and length.isdigit() else None


def _reason(output: Output) -> str:
    said = [line for line in output.stderr.splitlines() if line.startswith("curl: ")]
    if not said:
        return f"curl ended with exit status {output.code}"
    return re.sub(r"^curl: \(\d+\) ", "", said[-1])


@contextmanager
def _watched(file: Path, headers: Path, on_progress: Progress | None) -> Iterator[None]:
    """Report the size of a growing file twice a second, from the first head to the end."""
    if on_progress is None:
        yield
        return
    done = threading.Event()

    def look() -> None:
        total = read_answer(headers).total
        if total and file.exists():
            on_progress(min(file.stat().st_size, total), total)

    def watch() -> None:
        while not done.wait(0.5):
            look()

    thread = threading.Thread(target=watch, daemon=True, name="download")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        look()
