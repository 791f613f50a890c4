"""The QEMU guest agent's protocol, as its Windows build answers it."""

import base64
import io
import itertools
import json
import os
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.paths import NoDriveError
from goldsmith.media.windows_setup.run import shell_on
from goldsmith.media.windows_setup.shell import NOT_RECOGNIZED
from goldsmith.media.windows_setup.system import CURRENT, Dialog, End, System

Request = Mapping[str, Any]
FROZEN = (
    "guest-fsfreeze-status",
    "guest-fsfreeze-thaw",
    "guest-ping",
    "guest-sync",
    "guest-sync-delimited",
    "guest-info",
)


class AgentError(Exception):
    """An error answer; ``str`` is its description."""


class Agent:
    """Answers on ``port``; what ends the machine goes into ``ends``."""

    def __init__(self, system: System, ends: "queue.SimpleQueue[End | Dialog]") -> None:
        self.system = system
        self.ends = ends
        self.numbers = itertools.count(1000)
        self.files: dict[int, BinaryIO] = {}
        self.programs: dict[int, dict[str, object]] = {}
        self.frozen = False
        self.commands: Mapping[str, Callable[[Request], object]] = {
            "guest-sync": lambda asked: asked["id"],
            "guest-sync-delimited": lambda asked: asked["id"],
            "guest-ping": _nothing,
            "guest-info": self._info,
            "guest-exec": self._exec,
            "guest-exec-status": self._status,
            "guest-file-open": self._open,
            "guest-file-read": self._read,
            "guest-file-write": self._write,
            "guest-file-flush": self._flush,
            "guest-file-close": self._close,
            "guest-shutdown": self._shutdown,
            "guest-get-osinfo": self._osinfo,
            "guest-get-host-name": self._host_name,
            "guest-fsfreeze-freeze": self._freeze,
            "guest-fsfreeze-freeze-list": self._freeze,
            "guest-fsfreeze-thaw": self._thaw,
            "guest-fsfreeze-status": self._freeze_status,
            "guest-fstrim": _no_paths,
        }

    def serve(self, port: Path) -> None:
        """Answer until the machine ends."""
        handle = os.open(port, os.O_RDWR)
        waiting = b""
        while True:
            part = os.read(handle, 65536)
            if not part:
                threading.Event().wait(0.1)  # the host has not opened its side
                continue
            waiting += part.replace(b"\xff", b"")
            *lines, waiting = waiting.split(b"\n")
            if not lines and _complete(waiting):
                lines, waiting = [waiting], b""
            for line in lines:
                if line.strip():
                    self._send(handle, self.answer(line))

    def _send(self, handle: int, answer: bytes) -> None:
        while answer:
            answer = answer[os.write(handle, answer) :]

    def answer(self, line: bytes) -> bytes:
        """Return the answer to one request, or nothing where the protocol has none."""
        prefix = b""
        try:
            asked = json.loads(line)
            name = asked.get("execute", "")
            prefix = b"\xff" if name == "guest-sync-delimited" else b""
            if name not in self.commands:
                raise AgentError(f"The command {name} has not been found")
            if self.frozen and name not in FROZEN:
                raise AgentError(f"Command {name} has been disabled: the command is not allowed while frozen")
            result = self.commands[name](asked.get("arguments", {}))
        except (AgentError, NoDriveError, OSError, KeyError, ValueError) as error:
            said = {"error": {"class": "GenericError", "desc": f"{error}"}}
            return prefix + json.dumps(said).encode() + b"\n"
        if result is None:
            return b""
        return prefix + json.dumps({"return": result}).encode() + b"\n"

    def _info(self, _: Request) -> object:
        known = [{"name": name, "enabled": True, "success-response": True} for name in self.commands]
        return {"version": "stand-in", "supported_commands": known}

    def _exec(self, asked: Request) -> object:
        number = next(self.numbers)
        self.programs[number] = {"exited": False}
        stdin = base64.b64decode(asked.get("input-data", "")).decode("utf-8", "replace")
        work = threading.Thread(target=self._run, args=(number, asked, stdin), daemon=True)
        work.start()
        return {"pid": number}

    def _run(self, number: int, asked: Request, stdin: str) -> None:
        out, err = io.StringIO(newline=""), io.StringIO(newline="")
        shell = shell_on(self.system, out, err)
        shell.stdin = stdin
        rest = " ".join(_quoted(str(word)) for word in asked.get("arg", []))
        code = 1
        try:
            code = shell.program(str(asked["path"]), f" {rest}", called=True)
        except End as end:
            self.ends.put(end)
            code = 0
        except Dialog as dialog:
            self.ends.put(dialog)
            return  # the program never ends
        except UnsupportedError as error:
            code = NOT_RECOGNIZED
            err.write(f"The stand-in for Windows does not know this: {error}\r\n")
            self.system.tell(f"STANDIN-UNKNOWN {error}")
        except Exception as error:  # noqa: BLE001 — the program must end for the host, too
            err.write(f"The stand-in for Windows failed: {error!r}\r\n")
            self.system.tell(f"STANDIN-BROKEN {error!r}")
        done: dict[str, object] = {"exited": True, "exitcode": code}
        if asked.get("capture-output"):
            for key, text in (("out-data", out.getvalue()), ("err-data", err.getvalue())):
                if text:
                    done[key] = base64.b64encode(text.encode()).decode()
        self.programs[number] = done

    def _status(self, asked: Request) -> object:
        number = int(asked["pid"])
        if number not in self.programs:
            raise AgentError("Invalid parameter 'pid'")
        done = self.programs[number]
        if done["exited"]:
            del self.programs[number]
        return done

    def _open(self, asked: Request) -> object:
        mode = str(asked.get("mode", "r"))
        place = self.system.drives.place(str(asked["path"]))
        number = next(self.numbers)
        try:
            self.files[number] = place.open(mode.replace("b", "") + "b")  # type: ignore[assignment]
        except OSError as error:
            raise AgentError(
                f"failed to open file '{asked['path']}' (mode: '{mode}'): {error.strerror}"
            ) from None
        return number

    def _file(self, asked: Request) -> BinaryIO:
        if int(asked["handle"]) not in self.files:
            raise AgentError(f"handle '{asked['handle']}' has not been found")
        return self.files[int(asked["handle"])]

    def _read(self, asked: Request) -> object:
        data = self._file(asked).read(int(asked.get("count", 4096)))
        return {"count": len(data), "buf-b64": base64.b64encode(data).decode(), "eof": not data}

    def _write(self, asked: Request) -> object:
        data = base64.b64decode(asked["buf-b64"])
        return {"count": self._file(asked).write(data), "eof": False}

    def _flush(self, asked: Request) -> object:
        self._file(asked).flush()
        return {}

    def _close(self, asked: Request) -> object:
        self._file(asked).close()
        del self.files[int(asked["handle"])]
        return {}

    def _shutdown(self, asked: Request) -> object:
        self.ends.put(End("reboot" if asked.get("mode") == "reboot" else "off"))
        return None  # it has no answer when all goes well

    def _osinfo(self, _: Request) -> object:
        registry = self.system.registry
        name = registry.text(CURRENT, "ProductName")
        build = registry.text(CURRENT, "CurrentBuildNumber")
        server = registry.text(CURRENT, "InstallationType") != "Client"
        return {
            "id": "mswindows", "name": "Microsoft Windows", "pretty-name": name, "kernel-release": build,
            "kernel-version": "10.0", "machine": "x86_64", "variant": "server" if server else "client",
            "variant-id": "server" if server else "client", "version": f"Microsoft {name}",
            "version-id": name.removeprefix("Windows Server ").removeprefix("Windows ").partition(" ")[0],
        }  # fmt: skip

    def _host_name(self, _: Request) -> object:
        path = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
        return {"host-name": self.system.registry.text(path, "Hostname")}

    def _freeze(self, _: Request) -> object:
        self.system.registry.save()
        os.sync()
        self.frozen = True
        return 1

    def _freeze_status(self, _: Request) -> object:
        return "frozen" if self.frozen else "thawed"

    def _thaw(self, _: Request) -> object:
        self.frozen = False
        return 1


def _nothing(_: Request) -> object:
    return {}


def _no_paths(_: Request) -> object:
    return {"paths": []}


def _complete(data: bytes) -> bool:
    """Tell whether a request is whole though no line end came."""
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _quoted(word: str) -> str:
    """Quote a word as the agent does on Windows: only where it holds blanks."""
    return f'"{word}"' if " " in word or not word else word
