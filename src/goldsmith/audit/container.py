"""The image file itself: refused by its header where it is dangerous, then asked through qemu-img."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from goldsmith.artifact.introspect import headers, refusal
from goldsmith.artifact.qemuimg import CHECKING, FIX, QUESTION
from goldsmith.audit.facts import Container
from goldsmith.errors import GateError, HostError, Mark, UsageError
from goldsmith.formats.source import open_file
from goldsmith.host.process import Host, Output

# Image API name: QEMU's name
FORMATS = {"raw": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vhd": "vpc", "vhdx": "vhdx"}
LEAST = 512  # bytes; nothing smaller can hold a partition table
_CANNOT = 1  # exit status of qemu-img for what it cannot open or read
_UNABLE = 63  # exit status of qemu-img check for formats without a check
_PARTS = ("ami", "aki", "ari")  # raw disks to QEMU


def named(word: str) -> str:
    """Return the Image API name of a format given by that or by QEMU's name. Raises UsageError for others."""
    by_qemu = {qemu: name for name, qemu in FORMATS.items()}
    if word in FORMATS:
        return word
    if word in by_qemu:
        return by_qemu[word]
    raise UsageError(f"{word!r} is no disk format that can be audited", fix=f"one of {', '.join(FORMATS)}")


def recognise(image: Path) -> Container:
    """Tell the format and what is wrong from the header alone, as ``inspect`` does, before any program opens the file.

    Raises UsageError when it is no disk image at all.
    """
    if not image.exists():
        raise UsageError(f"{image} does not exist", fix="give the path of a disk image")
    if not image.is_file():
        raise UsageError(f"{image} is no plain file", fix="give the path of a disk image")
    with open_file(image) as source:
        found = headers(source)
    if found.size < LEAST and (found.safe or not found.size):
        raise UsageError(
            f"{image} has {found.size} bytes, too few for a disk", fix="give the path of a disk image"
        )
    if found.container == "iso":
        raise UsageError(
            f"{image} is an ISO medium, not an installed disk", fix="build an image from it first"
        )
    kind, dangers = found.container or "unknown", found.dangers
    if kind in _PARTS:
        kind = "raw"
    if kind not in FORMATS and found.safe:
        dangers = (f"the format {kind} cannot be checked",)
    return Container(image, kind, dangers, found.damage)


def accepted(container: Container, *, at: Mark | None = None) -> Container:
    """Return the container. Raises GateError with all its problems where no program may open it."""
    if container.problems:
        raise refusal(container.path, container.problems, at=at)
    return container


def declared(container: Container, format: str | None) -> Container:  # noqa: A002
    """Return the container. Raises GateError where it is not of the format that it is said to have, if that is said."""
    if format and format not in (container.format, FORMATS[container.format]):
        raise GateError(
            f"{container.path} is {container.format}, but is declared to be {format}", fix="register it anew"
        )
    return container


def ask_qemu(container: Container, host: Host) -> Container:
    """Return the container with what qemu-img knows; its header must have been found harmless.

    What only qemu-img sees is a problem like any other: nobody opens it after that.
    """
    driver = FORMATS[container.format]
    said = _run(host, "info", driver, container.path, ok=(0, _CANNOT), timeout=60, limits=QUESTION)
    if said.code == _CANNOT:
        return replace(container, damage=(f"qemu-img cannot read it: {_last_words(said)}",))
    facts = json.loads(said.stdout)
    specific = facts.get("format-specific", {}).get("data", {})
    if dangers := tuple(_outside(facts, specific, container.path)):
        return replace(container, dangers=dangers)
    return replace(
        container,
        virtual_size=facts["virtual-size"],
        actual_size=facts["actual-size"],
        extras=tuple(_extras(facts, specific)),
        compat=specific.get("compat", ""),
        compression=specific.get("compression-type", ""),
        faults=_check(container.path, driver, host),
    )


def _outside(facts: dict[str, Any], specific: dict[str, Any], path: Path) -> list[str]:
    """Return what of it QEMU looks for in other files, where the header did not tell."""
    found = {
        "it needs another file below it (a backing file)": facts.get("backing-filename"),
        "its data lies in another file (an external data file)": specific.get("data-file"),
        "its data lies in other files (extents)": any(
            one.get("filename") != str(path.absolute()) for one in specific.get("extents", ())
        ),
    }
    return [words for words, present in found.items() if present]


def _extras(facts: dict[str, Any], specific: dict[str, Any]) -> list[str]:
    named = {
        "internal snapshots": facts.get("snapshots"),
        "encryption": facts.get("encrypted") or specific.get("encrypt"),
        "a dirty flag": facts.get("dirty-flag"),
        "a corrupt flag": specific.get("corrupt"),
    }
    return [name for name, present in named.items() if present]


def _check(image: Path, driver: str, host: Host) -> tuple[str, ...] | None:
    said = _run(host, "check", driver, image, ok=(0, _CANNOT, 2, 3, _UNABLE), timeout=600, limits=CHECKING)
    if said.code == _UNABLE:
        return None
    if said.code == _CANNOT:
        return (_last_words(said) or "qemu-img check could not finish",)
    counts = json.loads(said.stdout)
    return tuple(
        f"{counts[name]} {name}" for name in ("corruptions", "leaks", "check-errors") if counts.get(name)
    )


def _run(host: Host, question: str, driver: str, image: Path, **options: Any) -> Output:
    try:
        return host.run("qemu-img", question, "--output=json", "-f", driver, image, **options)
    except HostError as error:
        if error.evidence:  # it ran, and found no room
            raise
        raise HostError(error.problem, fix=FIX) from None


def _last_words(said: Output) -> str:
    return "".join(said.stderr.strip().splitlines()[-1:])
