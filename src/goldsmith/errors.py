"""The few ways a command can fail, each with the exit code that scripts rely on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a text file; line and column are counted from 1, as editors do."""

    path: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}" if self.column else f"{self.path}:{self.line}"


class GoldsmithError(Exception):
    """A failure that the user can act on, so it is shown without a traceback.

    ``evidence`` are lines that prove the cause (the last lines of a tool or console).
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, problem: str, *, fix: str = "", at: Mark | None = None, evidence: Sequence[str] = ()
    ) -> None:
        self.problem = problem
        self.fix = fix
        self.at = at
        self.evidence = tuple(evidence)
        super().__init__(self.text())

    def text(self) -> str:
        lines = [f"{self.at}: {self.problem}" if self.at else self.problem]
        lines += [f"  | {line}" for line in self.evidence]
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


class ToolError(GoldsmithError):
    """A program that Goldsmith ran ended with a failure."""


class UsageError(GoldsmithError):
    """A command was given what it cannot take."""

    exit_code = 2


class RecipeError(UsageError):
    """One problem in a recipe, kickstart or template, with its place."""


class RecipeErrors(RecipeError):
    """All problems of one reading, so that one run shows everything there is to mend."""

    def __init__(self, problems: Sequence[RecipeError]) -> None:
        self.problems = tuple(sorted(problems, key=lambda one: (one.at or Mark("", 0), one.problem)))
        super().__init__("\n".join(one.text() for one in self.problems))


class HostError(GoldsmithError):
    """This host is not fit: a tool is missing, libvirt cannot be reached, no space is left."""

    exit_code = 3


class GuestError(GoldsmithError):
    """The guest failed: its install, a customize step, or its boot."""

    exit_code = 4


class GateError(GoldsmithError):
    """A rule refused to go on: audit, promotion, a protected image, a signature."""

    exit_code = 5


class CatalogError(GoldsmithError):
    """The catalog or another remote refused, or could not be reached."""

    exit_code = 6


class InterruptedBuild(GoldsmithError):
    """The user stopped the command; everything it had started was cleaned up."""

    exit_code = 130
