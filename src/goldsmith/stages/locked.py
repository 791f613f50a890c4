"""Hold a build to a lock: the packages and media of the last good build, written beside the recipe."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldsmith.artifact.inventory import FILE, Inventory, parse
from goldsmith.errors import GateError, RecipeError, UsageError
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.recipe.marks import read_nodes
from goldsmith.recipe.model import Recipe
from goldsmith.stages.medium import noted_of

SUFFIX = ".lock"
_SHOWN = 20  # packages that an error names; the stage's log names all
MEDIUM_NAME = "medium"
_MADE = "made"  # folder of the media that Goldsmith makes itself


@dataclass(frozen=True)
class Lock:
    """Versions by ``name.arch``, and sha256 digests of media; ``path`` is where it stands."""

    recipe: str
    build: str
    media: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    path: Path = Path()

    def text(self) -> str:
        """Return the content of its file; JSON's quotes are YAML's too, and keep 1.10 from being a number."""
        lines = [
            "# What the guest is held to by: goldsmith build --locked. Written by: goldsmith lock",
            f"recipe: {json.dumps(self.recipe)}",
            f"build: {json.dumps(self.build)}",
        ]
        for name, values in (("media", self.media), ("packages", self.packages)):
            lines.append(f"{name}:" if values else f"{name}: {{}}")
            lines += [f"  {json.dumps(one)}: {json.dumps(value)}" for one, value in sorted(values.items())]
        return "\n".join(lines) + "\n"

    @property
    def digest(self) -> str:
        said = json.dumps([dict(self.media), dict(self.packages)], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def renewal(self) -> str:
        return f"goldsmith build {self.recipe}, then goldsmith lock {self.recipe}, if this is wanted"


def lock_path(recipe: Recipe, project: Path | None) -> Path:
    """Return where the lock of a recipe stands: beside it; in the project's recipes for one that is shipped."""
    source = recipe.sources[0] if recipe.sources else Path(f"{recipe.name}.yaml")
    if project and not source.resolve().is_relative_to(project.resolve()):
        return project / "recipes" / f"{recipe.name}{SUFFIX}"
    return source.with_suffix(SUFFIX)


def read_lock(path: Path, recipe: str) -> Lock:
    """Read a lock. Raises UsageError where there is none, RecipeError for what is no lock."""
    if not path.is_file():
        raise UsageError(
            f"there is no lock {path}", fix=f"goldsmith lock {recipe} writes it from the last good build"
        )
    problems: list[RecipeError] = []
    said = read_nodes(path, problems).bare()
    parts = [said.get(name) if isinstance(said, dict) else None for name in ("media", "packages")]
    if problems or not all(isinstance(one, dict) for one in parts):
        raise RecipeError(f"{path} is no lock", fix=f"goldsmith lock {recipe} writes it anew")
    media, packages = ({str(name): str(value) for name, value in (one or {}).items()} for one in parts)
    return Lock(recipe, str(said.get("build", "")), media, packages, path)


def media_of(noted: Mapping[str, object]) -> dict[str, str]:
    """Return the digests of what was fetched; a medium that was made here says nothing that its packages do not."""
    made_here = Path(str(noted.get("location"))).parent.name == _MADE
    found = {} if made_here else {MEDIUM_NAME: str(noted.get("sha256") or "")}
    further = noted.get("further")
    if isinstance(further, dict):
        found |= {str(name): str(one["sha256"]) for name, one in further.items()}
    return {name: sha256 for name, sha256 in found.items() if sha256}


def check_media(lock: Lock, known: Mapping[str, str]) -> None:
    """Raise GateError where a medium is known to be another one, before anything starts; "" is not known yet."""
    here = {name: sha256 for name, sha256 in known.items() if sha256}
    _refuse(lock, "media", list(_differences(lock.media, here, partly=True)))


@dataclass(frozen=True)
class Locked:
    """The check that the guest is what its lock says, between the audit and all that hands the image on."""

    lock: Lock

    name = "locked"
    kind = Kind.CHECK
    version = 1
    group = ""
    reads_medium = True

    def inputs(self) -> Inputs:
        return {"lock": self.lock.digest}

    def run(self, work: Work, context: Context) -> None:  # noqa: ARG002  it leaves nothing but its verdict
        _refuse(self.lock, "media", list(_differences(self.lock.media, media_of(noted_of(context)))))
        path = context.results["audit"].folder / FILE
        held = parse(path.read_bytes(), where=str(path)) if path.is_file() else None
        found = list(_differences(self.lock.packages, versions_of(held)))
        write = context.log_for(self.name)
        for one in found:
            write(one)
        _refuse(self.lock, "packages", found)


def versions_of(held: Inventory | None) -> Mapping[str, str]:
    """Return versions by ``name.arch``. Raises GateError where nobody could list them."""
    from goldsmith.artifact.difference import versions

    if held is None or held.packages is None:
        raise GateError(
            "the guest's packages could not be listed, so nothing can be held to a lock",
            fix="see what the audit says of the package database",
        )
    return versions(held.packages)


def _differences(old: Mapping[str, str], new: Mapping[str, str], *, partly: bool = False) -> Iterator[str]:
    """Say what differs; ``partly`` where what is not in ``new`` is only not known yet."""
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name) and not (partly and name not in new):
            yield f"{name} {old.get(name, 'not there')} -> {new.get(name, 'not there')}"


def _refuse(lock: Lock, what: str, found: list[str]) -> None:
    if not found:
        return
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise GateError(
        f"{len(found)} {what} are not those of {lock.path}: {'; '.join(found[:_SHOWN])}{more}",
        fix=lock.renewal,
    )
