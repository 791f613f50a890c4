"""cmd.exe: run the lines of batch files and of command lines."""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from goldsmith.media.windows_setup.batch import (
    Block,
    For,
    If,
    Joined,
    Node,
    OpenBlockError,
    Redirect,
    Simple,
    UnsupportedError,
    find_label,
    parse,
)  # fmt: skip
from goldsmith.media.windows_setup.conditions import holds, items_of
from goldsmith.media.windows_setup.expansion import expand, expand_delayed, expand_for
from goldsmith.media.windows_setup.paths import NoDriveError
from goldsmith.media.windows_setup.streams import SerialPort, device_of
from goldsmith.media.windows_setup.system import System
from goldsmith.media.windows_setup.words import split_words

NOT_RECOGNIZED = 9009


@dataclass
class Call:
    """A program that is run: ``args`` without the program's own name, ``raw`` the text after it."""

    shell: "Shell"
    name: str
    args: Sequence[str]
    raw: str
    out: TextIO
    err: TextIO
    stdin: str = ""

    @property
    def system(self) -> System:
        return self.shell.system

    def say(self, text: str) -> None:
        self.out.write(f"{text}\r\n")

    def complain(self, text: str) -> None:
        self.err.write(f"{text}\r\n")


Program = Callable[[Call], int]


class _GotoError(Exception):
    pass


class ExitError(Exception):
    """``exit``: ends the shell, or with ``batch`` only the running batch file or subroutine."""

    def __init__(self, code: int, *, batch: bool) -> None:
        super().__init__(code)
        self.code = code
        self.batch = batch


@dataclass
class _Frame:
    lines: Sequence[str]
    args: Sequence[str]
    at: int = 0


@dataclass
class Shell:
    """One cmd.exe; ``programs`` are the emulated programs and ``builtins`` the commands of cmd itself."""

    system: System
    programs: Mapping[str, Program]
    builtins: Mapping[str, Program]
    out: TextIO = field(default_factory=io.StringIO)
    err: TextIO = field(default_factory=io.StringIO)
    folder: str = "C:\\"
    stdin: str = ""
    level: int = 0
    delayed: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    frames: list[_Frame] = field(default_factory=list)

    def line(self, text: str) -> int:
        """Run what stands behind ``cmd /c``; return the exit status."""
        try:
            self._text(text, in_batch=False)
        except ExitError as ending:
            self.level = ending.code
        return self.level

    def batch(self, path: str, args: Sequence[str] = ()) -> int:
        """Run a batch file to its end; ``exit`` without /b goes on to the caller."""
        place = self.system.drives.place(path, self.folder)
        lines = place.read_text(encoding="utf-8", errors="replace").splitlines()
        full = self.system.drives.full(path, self.folder)
        return self._run(_Frame(lines, (full, *args)))

    def call_label(self, label: str, args: Sequence[str]) -> None:
        if not self.frames:
            raise UnsupportedError("call of a label outside a batch file")
        lines = self.frames[-1].lines
        self._run(_Frame(lines, (self.frames[-1].args[0], *args), find_label(lines, label)))

    def goto(self, label: str) -> None:
        if label.lower().lstrip(":") == "eof":
            raise ExitError(self.level, batch=True)
        raise _GotoError(label)

    def _run(self, frame: _Frame) -> int:
        self.frames.append(frame)
        try:
            while frame.at < len(frame.lines):
                try:
                    self._next(frame)
                except _GotoError as jump:
                    frame.at = find_label(frame.lines, str(jump))
        except ExitError as ending:
            if not ending.batch:
                raise
            self.level = ending.code
        finally:
            self.frames.remove(frame)
        return self.level

    def _next(self, frame: _Frame) -> None:
        """Run the next line, with those after it as long as a block is open."""
        text = ""
        while True:
            text += frame.lines[frame.at] + "\n"
            frame.at += 1
            try:
                self._text(text, in_batch=True)
                return
            except OpenBlockError:
                if frame.at >= len(frame.lines):
                    raise

    def _text(self, text: str, *, in_batch: bool) -> None:
        stripped = text.strip().lstrip("@").strip()
        if stripped.startswith(":") or re.match(r"(?i)rem(\s|$)", stripped):
            return
        args = self.frames[-1].args if self.frames else ()
        node = parse(expand(text, self._names(), args, in_batch=in_batch))
        if node:
            self.execute(node)

    def _names(self) -> Mapping[str, str]:
        fixed = {"ERRORLEVEL": str(self.level), "CD": self.folder.rstrip("\\") or self.folder}
        return {**self.system.environment, **fixed, **self.variables}

    def execute(self, node: Node) -> None:
        match node:
            case Simple():
                with self._redirected(node.redirects):
                    self._simple(node.text)
            case Block():
                with self._redirected(node.redirects):
                    self.execute(node.body)
            case Joined():
                self._joined(node)
            case If():
                if holds(self, node):
                    self.execute(node.then)
                elif node.other:
                    self.execute(node.other)
            case For():
                for value in items_of(self, node):
                    program = parse(expand_for(node.body, node.variable, value))
                    if program:
                        self.execute(program)

    def _joined(self, node: Joined) -> None:
        if node.how == "|":
            kept, self.out = self.out, io.StringIO()
            try:
                self.execute(node.first)
                self.stdin = self.out.getvalue()
            finally:
                self.out = kept
            self.execute(node.then)
            self.stdin = ""
            return
        self.execute(node.first)
        if node.how == "&" or (self.level == 0) == (node.how == "&&"):
            self.execute(node.then)

    @contextmanager
    def _redirected(self, redirects: Sequence[Redirect]) -> Iterator[None]:
        out, err, stdin, opened = self.out, self.err, self.stdin, []
        try:
            for one in redirects:
                if one.target == "&1":
                    self.err = self.out
                elif one.target == "&2":
                    self.out = self.err
                elif one.mode == "<":
                    self.stdin = "" if device_of(one.target) == "NUL" else self._place(one.target).read_text()
                else:
                    file = self._open(one)
                    opened.append(file)
                    if one.stream == 2:
                        self.err = file
                    else:
                        self.out = file
            yield
        finally:
            for file in opened:
                if isinstance(file, SerialPort):
                    self.system.serial.flush()
                else:
                    file.close()
            self.out, self.err, self.stdin = out, err, stdin

    def _place(self, target: str) -> Path:
        return self.system.drives.place(target, self.folder)

    def _open(self, one: Redirect) -> TextIO:
        match device_of(one.target):
            case "NUL":
                return io.StringIO()
            case "COM1":
                return SerialPort(self.system.serial)
        return self._place(one.target).open("a" if one.mode == ">>" else "w", encoding="utf-8", newline="")

    def _simple(self, text: str) -> None:
        text = expand_delayed(text, self._names()) if self.delayed else text
        text = text.lstrip()
        found = re.match(r'("[^"]*"|[^\s"/=,;]+)(.*)', text, re.DOTALL)
        if not text or not found:
            return
        word, rest = found.groups()
        builtin = re.match(r"(?i)(echo|cd|rd|md|set|exit|call|type|dir)(?=[.:\\/(+]|$)", word)
        name = (builtin.group(1) if builtin else word.strip('"')).lower()
        if builtin and builtin.group() != word:
            rest = word[builtin.end() :] + rest
        if name in self.builtins:
            self.level = self._call(self.builtins[name], name, rest)
        else:
            self.level = self.program(word.strip('"'), rest)

    def _call(self, program: Program, name: str, rest: str) -> int:
        call = Call(self, name, split_words(rest), rest, self.out, self.err, self.stdin)
        try:
            return program(call)
        except NoDriveError as error:
            call.complain(str(error))
        except FileNotFoundError:
            call.complain("The system cannot find the path specified.")
        return 1

    def program(self, path: str, rest: str, *, called: bool = False) -> int:
        """Run a program or batch file by its name or path; a batch file that is not called does not come back."""
        name = re.split(r"[\\/]", path)[-1].lower()
        program = self.programs.get(name.removesuffix(".exe"))
        with_folder = name != path.lower()
        if program and not with_folder:
            return self._call(program, name, rest)
        batch = next((one for one in (path, f"{path}.cmd", f"{path}.bat") if self._is_batch(one)), None)
        if batch:
            code = self.batch(batch, split_words(rest, keep_quotes=True))
            if self.frames and not called:
                raise ExitError(code, batch=True)
            return code
        exists = any(self.system.drives.exists(one, self.folder) for one in (path, f"{path}.exe"))
        if program and exists:
            return self._call(program, name, rest)
        if exists:
            raise UnsupportedError(path)
        if with_folder:
            self.err.write("The system cannot find the path specified.\r\n")
            return 1
        raise UnsupportedError(path)

    def _is_batch(self, path: str) -> bool:
        if not path.lower().endswith((".cmd", ".bat")):
            return False
        try:
            return self._place(path).is_file()
        except NoDriveError:
            return False
