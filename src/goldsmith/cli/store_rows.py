"""The rows of ``goldsmith store list``: entries and media alike."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from goldsmith.host.files import human_size, human_time
from goldsmith.plan.store import Store
from goldsmith.record.media import KeptMedium, Remade, kept_media, media_of
from goldsmith.record.uses import uses

_MEDIUM = "medium"
_BUILD = "build"
_WIDE = 24  # characters of a stage or a name
_AGAIN = {
    Remade.DOWNLOAD: "a download",
    Remade.COPY: "a copy",
    Remade.MAKING: "made here",
    Remade.HAND: "added by hand",
}


@dataclass(frozen=True)
class Row:
    """One thing that is kept; times are seconds since the epoch, ``remade_by`` is what it takes to have it again."""

    kind: str
    key: str
    size: int
    created: float
    remade_by: str
    used_by: tuple[str, ...]
    stage: str = ""
    recipe: str = ""
    parent: str = ""
    name: str = ""
    seconds: float = 0.0

    @property
    def is_medium(self) -> bool:
        return self.kind == _MEDIUM

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def line(self, now: float) -> str:
        what, which, cost = self.recipe, self.stage, f"made in {human_time(self.seconds)}"
        if self.is_medium:
            what, cost = _MEDIUM, _AGAIN[Remade(self.remade_by)]
            which = self.name if len(self.name) <= _WIDE else f"{self.name[: _WIDE - 1]}…"
        age = human_time(max(0.0, now - self.created))
        used = ", ".join(self.used_by) or "unused"
        return f"{self.key[:12]}  {what:<16} {which:<{_WIDE}} {human_size(self.size):>10}  {cost}, {age} ago  {used}"


def rows_of(state: Path) -> list[Row]:
    """Return all that is kept, the oldest first."""
    used, entries = uses(state / "builds"), list(Store(state).entries())
    named = media_of(entries)
    rows = [
        Row(
            kind="entry",
            key=one.entry.key,
            stage=one.stage,
            recipe=one.recipe,
            size=one.size,
            created=one.created,
            seconds=one.seconds,
            parent=one.parent,
            remade_by=_BUILD,
            used_by=used.get(one.entry.key, ()),
        )
        for one in entries
    ]
    for medium in kept_media(state):
        users = {user for key, media in named.items() if medium.key in media for user in used.get(key, ())}
        rows.append(_of_medium(medium, tuple(sorted(users))))
    return sorted(rows, key=lambda one: one.created)


def _of_medium(one: KeptMedium, users: tuple[str, ...]) -> Row:
    return Row(
        kind=_MEDIUM,
        key=one.key,
        name=one.name,
        size=one.size,
        created=one.created,
        remade_by=one.remade.value,
        used_by=users,
    )
