"""What Goldsmith asks of a Nova, on 127.0.0.1: how many servers run from an image. It is none, and has its answers."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Nova:
    """``own`` and ``all`` say how many servers of our project, and of all, use an image; ``asked`` is what it was."""

    url: str = ""
    own: dict[str, int] = field(default_factory=dict)
    all: dict[str, int] = field(default_factory=dict)
    admin: bool = True
    asked: list[dict[str, str]] = field(default_factory=list)


@contextlib.contextmanager
def running() -> Iterator[Nova]:
    nova = Nova()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/":  # which versions of the API there are
                link = {"rel": "self", "href": f"{nova.url}/"}
                one = {
                    "id": "v2.1",
                    "status": "CURRENT",
                    "version": "2.95",
                    "min_version": "2.1",
                    "links": [link],
                }
                self.answer({"version": one})
                return
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            nova.asked.append(asked)
            everywhere = "all_tenants" in asked
            if parts.path != "/servers" or (everywhere and not nova.admin):
                self.send_error(403 if everywhere else 404)
                return
            count = (nova.all if everywhere else nova.own).get(asked["image"], 0)
            self.answer({"servers": [{"id": str(number)} for number in range(count)]})

        def answer(self, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    nova.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield nova
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
