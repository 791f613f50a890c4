"""What a night came to: one result for each recipe, and what is told of all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

# From the least to the worst: a gate, a usage, the guest, a remote, the host, a bug, an interruption.
_WORSE = (0, 5, 1, 2, 4, 6, 3, 70, 130)


class Ended(StrEnum):
    BUILT = "built"
    UNCHANGED = "unchanged"  # every stage was cached
    SKIPPED = "skipped"  # it cannot be built here, and nobody asked for it by name
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Result:
    """One recipe of a night; ``seconds`` of all its tries, ``why`` it was built, left alone or skipped."""

    recipe: str
    ended: Ended
    why: str = ""
    seconds: float = 0.0
    exit_code: int = 0
    error: str = ""
    build: str = ""
    image: Mapping[str, Any] = field(default_factory=dict)
    tries: int = 0
    channel: str = ""  # that its version entered, or has
    refused: tuple[str, ...] = ()  # the gates that did not let it in

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ended": self.ended.value, "refused": list(self.refused)}

    def promoted(self, channel: str) -> "Result":
        return replace(self, channel=channel)

    @property
    def line(self) -> str:
        """Return it as one line for a terminal."""
        told = {Ended.FAILED: self.error.partition("\n")[0]}.get(self.ended, self.why)
        if self.refused:
            told = f"not promoted: {'; '.join(self.refused)}"
        elif self.channel:
            told = f"{told}; in {self.channel}".removeprefix("; ")
        return f"{self.recipe}: {self.ended.value}{f' ({told})' if told else ''}"


def worst(codes: Iterable[int]) -> int:
    """Return the exit status that tells the worst of all."""
    return max(codes, key=lambda code: _WORSE.index(code) if code in _WORSE else len(_WORSE), default=0)


def summary(results: Sequence[Result]) -> str:
    """Return the counts in words: ``2 built, 1 failed``."""
    counts = {ended: sum(one.ended is ended for one in results) for ended in Ended}
    told = [f"{count} {ended.value}" for ended, count in counts.items() if count]
    kept_out = sum(bool(one.refused) for one in results)
    return ", ".join([*told, *([f"{kept_out} not promoted"] if kept_out else [])]) or "nothing to do"
