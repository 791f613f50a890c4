"""The manifest: what was built from what, by what, and the digests of every file that came out.

It is sealed with the sha256 of its own canonical text, which is what jq prints too, so anyone can check it:
``jq -S 'del(.seal)' manifest.json | sha256sum``.
"""

import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from goldsmith.errors import GateError, HostError
from goldsmith.host.files import Digests, digest

SCHEMA = 1
_SEAL = "seal"


@dataclass(frozen=True)
class RecipeOrigin:
    """The recipe that was built; ``digest`` covers it with all it extends, secrets as digests only."""

    name: str
    digest: str
    commit: str | None = None  # of the project's git repository, with -dirty where files were changed


@dataclass(frozen=True)
class StageRecord:
    name: str
    key: str
    seconds: float
    cached: bool


@dataclass(frozen=True)
class Medium:
    """Something that was fetched: an ISO, a tree's files, a base image."""

    name: str
    sha256: str
    size: int | None = None  # bytes
    url: str | None = None  # without user and password


@dataclass(frozen=True)
class HostFacts:
    """The machine that built; nothing that names it or its users."""

    architecture: str
    system: str
    kernel: str
    cpus: int
    memory: int  # bytes


@dataclass(frozen=True)
class AuditSummary:
    profile: str
    passed: int
    failed: int
    waived: int
    warnings: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class ImageFile:
    """One exported image; ``name`` is its path below the manifest's folder, sizes are bytes."""

    name: str
    format: str
    size: int
    virtual_size: int
    md5: str
    sha256: str
    sha512: str
    compression: str | None = None

    @property
    def digests(self) -> Digests:
        return Digests(self.md5, self.sha256, self.sha512, self.size)


@dataclass(frozen=True)
class Document:
    """A file of evidence that is kept with the images, such as a bill of materials."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Manifest:
    goldsmith: str  # version
    build: str  # id
    recipe: RecipeOrigin
    host: HostFacts
    accel: str  # kvm, tcg
    stages: tuple[StageRecord, ...]
    files: tuple[ImageFile, ...]
    media: tuple[Medium, ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    audit: AuditSummary | None = None
    boot_test: AuditSummary | None = None
    documents: tuple[Document, ...] = ()
    rendered: tuple[Document, ...] = ()  # answer files as the record of the build keeps them, without secrets
    by_hand: tuple[str, ...] = ()  # what a person may have changed in the guest while it was built
    created_at: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    schema: int = SCHEMA


def host_facts() -> HostFacts:
    """Return what is true of this machine and tells nobody which one it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return HostFacts(platform.machine(), system, platform.release(), os.cpu_count() or 1, memory)


def seal(manifest: Manifest) -> bytes:
    """Return the content of the manifest's file; the same manifest always gives the same bytes."""
    document = _plain(asdict(manifest))
    return _canonical({**document, _SEAL: {"algorithm": "sha256", "value": _digest(document)}}).encode()


def read(path: Path) -> Manifest:
    """Return the manifest in a file; GateError when it is not one, or not what was sealed."""
    try:
        document = json.loads(path.read_bytes())
        sealed = document.pop(_SEAL)["value"]
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", fix="name the manifest.json of a build") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise GateError(f"{path} is not a sealed manifest", fix="build the image again") from None
    if document.get("schema", 0) > SCHEMA:
        raise GateError(
            f"{path} has manifest schema {document['schema']}, this Goldsmith knows {SCHEMA}",
            fix="update Goldsmith",
        )
    if sealed != _digest(document):
        raise GateError(
            f"{path} was changed after it was sealed: the seal is {sealed}, the content {_digest(document)}",
            fix="take the manifest that the build wrote, or build the image again",
        )
    try:
        return _manifest(document)
    except (TypeError, LookupError):
        raise GateError(
            f"{path} is sealed but lacks what a manifest holds", fix="build the image again"
        ) from None


def verify(
    manifest: Manifest, folder: Path, *, on_bytes: Callable[[int], None] | None = None
) -> tuple[str, ...]:
    """Read all files of a manifest again; return in words what differs, nothing if all is as it was."""
    problems: list[str] = []
    for image in manifest.files:
        path = folder / image.name
        if not path.resolve().is_relative_to(folder.resolve()):
            problems.append(f"{image.name} lies outside of {folder}")
        elif not path.is_file():
            problems.append(f"{image.name} is missing")
        else:
            found = asdict(digest(path, on_bytes=on_bytes))
            was = asdict(image.digests)
            problems += [
                f"{image.name}: {name} is {found[name]}, was {was[name]}"
                for name in ("size", "md5", "sha256", "sha512")
                if found[name] != was[name]
            ]
    return tuple(problems)


def _manifest(document: dict[str, Any]) -> Manifest:
    audit, boots = document.pop("audit", None), document.pop("boot_test", None)
    return Manifest(
        recipe=RecipeOrigin(**document.pop("recipe")),
        host=HostFacts(**document.pop("host")),
        stages=tuple(StageRecord(**one) for one in document.pop("stages")),
        files=tuple(ImageFile(**one) for one in document.pop("files")),
        media=tuple(Medium(**one) for one in document.pop("media")),
        audit=AuditSummary(**audit) if audit else None,
        boot_test=AuditSummary(**boots) if boots else None,
        documents=tuple(Document(**one) for one in document.pop("documents", ())),
        rendered=tuple(Document(**one) for one in document.pop("rendered", ())),
        by_hand=tuple(document.pop("by_hand", ())),
        **document,
    )


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(_plain(document)).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Round to thousandths and write whole numbers without a point, so that every JSON tool keeps them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        rounded = round(value, 3)
        return int(rounded) if rounded.is_integer() else rounded
    return value
