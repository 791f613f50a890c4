# SPDX-License-Identifier: GPL-2.0-or-later
"""What an installation consists of: small steps that can be planned, printed and carried out."""

from dataclasses import dataclass


class InstallProblem(Exception):
    """The installation cannot go on; ``str`` is the text for the console."""


@dataclass(frozen=True)
class Say:
    """A line for the console, as Anaconda announces a phase."""

    text: str


@dataclass(frozen=True)
class Note:
    """A line for the log alone."""

    text: str


@dataclass(frozen=True)
class Run:
    """A program; ``chroot`` runs the one of the new system, ``optional`` lets a failure pass with a note."""

    argv: tuple[str, ...]
    chroot: bool = False
    stdin: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Write:
    """A file of the new system, named by its path there."""

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True)
class Link:
    path: str
    to: str


@dataclass(frozen=True)
class Mount:
    """Mount a device below the folder of the new system; the path is that of the new system."""

    device: str
    path: str
    options: str = ""


Step = Say | Note | Run | Write | Link | Mount
