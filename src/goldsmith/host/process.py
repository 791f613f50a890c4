"""The only module that starts a program."""

import ctypes
import os
import resource
import shlex
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, Protocol

from goldsmith.errors import HostError, ToolError
from goldsmith.host.clock import outside
from goldsmith.host.faults import tool_fault

TAIL = 20
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

Listener = Callable[[str], None]


@dataclass(frozen=True)
class Output:
    """What a program left: its exit status and its two streams as text."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Limits:
    """What a program may use: memory in bytes, processor time in seconds; by ``nice`` (to 19) others go first."""

    memory: int
    cpu: int | None = None
    nice: int = 0


class Host(Protocol):
    """Runs programs; the real one is LocalHost."""

    def run(
        self,
        *argv: str | Path,
        fix: str = "",
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        ok: Container[int] = (0,),
        on_line: Listener | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
        limits: Limits | None = None,
    ) -> Output: ...

    def start(self, *argv: str | Path, fix: str = "", env: Mapping[str, str] | None = None) -> "Child": ...


@dataclass(frozen=True)
class LocalHost:
    """Runs programs here, with their output in ``log`` and secrets masked.

    A program dies with the process that started it, so that a killed build leaves no tool writing to its disks.
    """

    log: Path | None = None
    on_line: Listener | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    mask: Callable[[str], str] = str
    stop: threading.Event | None = None  # set by another thread: the program that runs is ended

    def run(
        self,
        *argv: str | Path,
        fix: str = "",
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        ok: Container[int] = (0,),
        on_line: Listener | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
        limits: Limits | None = None,
    ) -> Output:
        """Run a program to its end and return what it printed.

        ``timeout`` is in seconds. Raises HostError when the program is not installed and ToolError, with its last
        lines, when its exit status is not in ``ok`` or the time is over.
        """
        command = _words(*argv)
        shown = self.mask(shlex.join(command))
        listeners = [one for one in (on_line, self.on_line, self._write) if one]
        self._write(f"$ {shown}")
        with outside.waiting():
            process = self._start(command, env, cwd, fix, limits)
            try:
                streams = _Streams(process, listeners, self.mask, stdin)
                code = _wait(process, timeout, self.stop)
            except subprocess.TimeoutExpired:
                _end(process)
                streams.join()
                raise ToolError(
                    f"no end after {timeout:.0f} s: {shown}", fix=fix, evidence=streams.tail()
                ) from None
            except BaseException:
                _end(process)
                raise
            streams.join()
        if code not in ok:
            raise tool_fault(f"{_ended(code)}: {shown}", fix, streams.tail())
        return Output(code, "".join(streams.out), "".join(streams.err))

    def start(
        self,
        *argv: str | Path,
        fix: str = "",
        env: Mapping[str, str] | None = None,
        on_line: Listener | None = None,
        cwd: Path | None = None,
    ) -> "Child":
        """Start a program and return at once; as ``run`` does otherwise."""
        command = _words(*argv)
        listeners = [one for one in (on_line, self.on_line, self._write) if one]
        self._write(f"$ {self.mask(shlex.join(command))}")
        process = self._start(command, env, cwd, fix, None)
        return Child(process, _Streams(process, listeners, self.mask, None))

    def _start(
        self,
        command: list[str],
        env: Mapping[str, str] | None,
        cwd: Path | None,
        fix: str,
        limits: Limits | None,
    ) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                command,
                env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "C", **self.env, **(env or {})},
                cwd=cwd,
                text=True,
                errors="replace",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,  # Ctrl-C reaches Goldsmith alone, which then ends its tools in order
                preexec_fn=partial(_prepare, limits),
            )
        except FileNotFoundError:
            raise HostError(
                f"{command[0]} is not installed", fix=fix or "goldsmith doctor names the package"
            ) from None
        except OSError as error:
            raise HostError(f"{command[0]} cannot be run: {error.strerror}", fix=fix) from None

    def _write(self, line: str) -> None:
        if self.log:
            with suppress(OSError), self.log.open("a", encoding="utf-8") as log:
                log.write(line + "\n")  # a full disk: the tool tells


class Child:
    """A program that runs beside us until it ends or is stopped."""

    def __init__(self, process: subprocess.Popen[str], streams: "_Streams") -> None:
        self._process = process
        self._streams = streams

    def ended(self) -> Output | None:
        """Return what it left, None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        self._streams.join()
        return Output(code, "".join(self._streams.out), "".join(self._streams.err))

    def interrupt(self) -> None:
        """Ask it to stop as Ctrl-C does, and return at once."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)

    def stop(self, patience: float) -> None:
        """Wait until it has stopped; end it with all that it started after ``patience`` seconds."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
            return
        _end(self._process)


class _Streams:
    """Reads both streams of a program as they come."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        listeners: Sequence[Listener],
        mask: Callable[[str], str],
        stdin: str | None,
    ) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self._last: deque[str] = deque(maxlen=TAIL)
        self._listeners = listeners
        self._mask = mask
        self._lock = threading.Lock()
        self._fault: Exception | None = None
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._threads = [
            threading.Thread(target=self._read, args=(process.stdout, self.out), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, self.err), daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        with suppress(BrokenPipeError):
            if stdin:
                process.stdin.write(stdin)
            process.stdin.close()

    def _read(self, stream: IO[str], keep: list[str]) -> None:
        for line in stream:
            keep.append(line)
            with self._lock:
                self._last.append(text := self._mask(line.rstrip("\n").rpartition("\r")[2]))
                self._pass_on(text)

    def _pass_on(self, text: str) -> None:
        """Tell all listeners; the pipe is read on whatever they raise, for a full one stops the program."""
        for listener in self._listeners:
            try:
                listener(text)
            except Exception as error:  # noqa: BLE001  raised by ``join``, in the caller's thread
                self._fault = self._fault or error

    def join(self) -> None:
        """Wait for the last lines; raises what a listener raised."""
        for thread in self._threads:
            thread.join(timeout=5)  # a daemon that the program left may hold the pipe open for ever
        if self._fault:
            raise self._fault

    def tail(self) -> list[str]:
        return [line for line in self._last if line.strip()]


def _words(program: str | Path, *argv: str | Path) -> list[str]:
    """Return a command as words; a file by its full path, for a short one may read as an option or a URL."""
    return [os.fspath(program), *(str(one.absolute()) if isinstance(one, Path) else one for one in argv)]


def _prepare(limits: Limits | None) -> None:
    """Run in the new process: it dies with its parent, and cannot take more than its limits."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if limits:
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
        if limits.cpu:
            resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu, limits.cpu))
        os.nice(limits.nice)


def stoppable(host: Host, stop: threading.Event) -> Host:
    """Return a host whose programs end when ``stop`` is set, for the use in a thread that Ctrl-C does not reach."""
    return replace(host, stop=stop) if isinstance(host, LocalHost) else host


def _wait(process: subprocess.Popen[str], timeout: float | None, stop: threading.Event | None) -> int:
    if stop is None:
        return process.wait(timeout)
    until = time.monotonic() + (timeout or float("inf"))
    while not stop.is_set():
        with suppress(subprocess.TimeoutExpired):
            return process.wait(0.2)  # seconds until the next look
        if time.monotonic() > until:
            raise subprocess.TimeoutExpired(process.args, timeout or 0)
    _end(process)
    return process.wait() or -signal.SIGINT  # what ends well when it is stopped has not done its work


def _end(process: subprocess.Popen[str]) -> None:
    """End a program and all that it started; at SIGINT virt-install cleans up, at SIGTERM it does not."""
    for sign, patience in ((signal.SIGINT, 3.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 3.0)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)  # what it started in the background hears no SIGINT


def _ended(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code} from"
