"""The metadata service of one guest: on a port of 127.0.0.1, to which QEMU leads 169.254.169.254 for it alone.

QEMU opens one connection when it starts and passes on what any connection of the guest says, without their ends. So
each answer tells its length, and the connection is never closed from here, whatever the guest says about its own.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from goldsmith.boottest.metadata import PASSWORD, TEXT, Document

LOOPBACK = "127.0.0.1"
_LONGEST = 64 << 10  # bytes of a body that a guest may send


@dataclass
class Service:
    """What is answered, and ``asked``: each request in a line, also in the file ``log``."""

    paths: Mapping[str, Document]
    log: Path
    asked: list[str] = field(default_factory=list)
    password: bytes = b""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str) -> Document | None:
        """Return what stands at a path; None where nothing does."""
        path = path.strip("/")
        if path.startswith("openstack/") and path.endswith(f"/{PASSWORD}") and path in self.paths:
            return Document(TEXT, self.password)
        return self.paths.get(path)

    def set_password(self, text: bytes) -> HTTPStatus:
        """Take the password that a guest has set for itself; only once, as Nova does."""
        with self._lock:
            if self.password:
                return HTTPStatus.CONFLICT
            self.password = text
            return HTTPStatus.OK

    def note(self, method: str, path: str, status: int) -> None:
        line = f"{method} {path!a} {status}"
        with self._lock, self.log.open("a", encoding="utf-8") as file:
            self.asked.append(line)
            file.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}\n")


@contextmanager
def served(service: Service) -> Iterator[int]:
    """Answer while the body runs; yields the port."""
    with _Server((LOOPBACK, 0), _Handler) as server:
        server.service = service
        service.log.touch()
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="metadata", daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # QEMU's connection lives as long as the guest
    service: Service


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "Nova"
    sys_version = ""

    def handle(self) -> None:
        self.close_connection = False
        self.raw_requestline = b"-"
        while self.raw_requestline:
            self.path = ""
            self.handle_one_request()

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        said = self._body()
        path = self._path()
        if (
            path.startswith("/openstack/")
            and self.server.service.answer(path)
            and path.endswith(f"/{PASSWORD}")
        ):
            self._send(self.server.service.set_password(said))
        else:
            self._send(HTTPStatus.NOT_FOUND)

    def do_PUT(self) -> None:
        self._body()
        self._send(HTTPStatus.NOT_FOUND)  # Nova gives no tokens

    def _path(self) -> str:
        return unquote(urlsplit(self.path).path)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        return self.rfile.read(min(int(length), _LONGEST)) if length.isdigit() else b""

    def _answer(self) -> None:
        self._body()
        found = self.server.service.answer(self._path())
        self._send(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, found)

    def _send(self, status: HTTPStatus, document: Document | None = None) -> None:
        body = (
            document.body if document else b"" if status is HTTPStatus.OK else f"{status.phrase}\n".encode()
        )
        self.server.service.note(self.command, self.path, status)
        self.send_response(status)
        self.send_header("Content-Type", document.kind if document else TEXT)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # so that the guest closes what it opened
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, *_words: str | None) -> None:
        """Answer what is no request, or not one of ours, in the way of all other answers."""
        self.request_version = self.protocol_version  # of an older one it would say no head
        self.command = self.command or "?"
        self._send(HTTPStatus(code))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is its parent's
        """Say nothing: the service notes each request."""
