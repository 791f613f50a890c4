"""A proxy between a client and a server that does what bad proxies do, to uploads, so many times as it is told."""

import contextlib
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from enum import StrEnum

_BLOCK = 1 << 16
UNAVAILABLE = b"<html><h1>503 Service Unavailable</h1>No server is available to handle this request.</html>"


class Fault(StrEnum):
    CUT = "it cuts the connection in the middle"
    STALL = "it stalls in the middle"
    UNAVAILABLE = "it answers 503 in the middle"
    UNAVAILABLE_AFTER = "it answers 503 although the server has taken all"
    LOST = "it loses the server's answer"
    BROKEN = "it breaks the download in the middle"


@dataclass
class BadProxy:
    """Every connection carries one request. Faults hit requests whose first line matches ``on``."""

    server: str
    fault: Fault | None = None
    times: int = 1
    after: int = 4 << 20  # bytes of the body
    on: bytes = rb"PUT \S+/file "
    refuse: int = 0  # so many GETs are answered 503
    answers: dict[bytes, bytes] = field(
        default_factory=dict
    )  # first words of a request: what is answered to it
    heads: list[bytes] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)  # a fault was done

    def __enter__(self) -> "BadProxy":
        host, _, port = self.server.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            received = b""
            while b"\r\n\r\n" not in received:
                block = client.recv(_BLOCK)
                if not block:
                    return
                received += block
            head, _, body = received.partition(b"\r\n\r\n")
            self.heads.append(head)
            for words, answer in self.answers.items():
                if head.startswith(words):
                    self._answer(client, b"200 OK", answer)
                    return
            if self.refuse and head.startswith(b"GET /v2/images"):
                self.refuse -= 1
                self._answer(client, b"503 Service Unavailable", UNAVAILABLE)
                return
            fault = None
            if self.fault and self.times > 0 and re.match(self.on, head):
                self.times -= 1
                fault = self.fault
            self._pass_on(client, head, body, fault)

    def _pass_on(self, client: socket.socket, head: bytes, body: bytes, fault: Fault | None) -> None:
        lines = [one for one in head.split(b"\r\n") if not one.lower().startswith(b"connection:")]
        lengths = [one for one in lines if one.lower().startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        with socket.create_connection(self._target) as server:
            self._open.append(server)
            server.sendall(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n")
            midway = fault in (Fault.CUT, Fault.STALL, Fault.UNAVAILABLE)
            done = self._body(client, server, body, min(length, self.after) if midway else length)
            if fault is Fault.CUT:
                self.reached.set()
                for one in (client, server):
                    _reset(one)
            elif fault is Fault.STALL:
                self.reached.set()
                client.settimeout(60)
                threading.Event().wait(60)
            elif fault is Fault.UNAVAILABLE:
                self.reached.set()
                self._answer(client, b"503 Service Unavailable", UNAVAILABLE)
            else:
                self._reply(client, server, fault)
        assert done >= 0

    def _body(self, client: socket.socket, server: socket.socket, body: bytes, length: int) -> int:
        done = 0
        while True:
            if body:
                server.sendall(body)
                done += len(body)
            if done >= length:
                return done
            body = client.recv(_BLOCK)
            if not body:
                raise ConnectionResetError

    def _reply(self, client: socket.socket, server: socket.socket, fault: Fault | None) -> None:
        passed = 0
        while block := server.recv(_BLOCK):
            if fault is None or (fault is Fault.BROKEN and passed < self.after):
                client.sendall(block)
                passed += len(block)
            elif fault is Fault.BROKEN:
                break
        if fault is not None:
            self.reached.set()
        if fault is Fault.UNAVAILABLE_AFTER:
            self._answer(client, b"503 Service Unavailable", UNAVAILABLE)
        elif fault in (Fault.LOST, Fault.BROKEN):
            _reset(client)

    def _answer(self, client: socket.socket, status: bytes, body: bytes) -> None:
        kind = b"application/json" if body.startswith(b"{") else b"text/html"
        client.sendall(
            b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (status, kind, len(body), body)
        )
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)


def _reset(one: socket.socket) -> None:
    """Close as a dying machine does."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()
