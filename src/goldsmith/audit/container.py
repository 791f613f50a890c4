"""The image file itself: refused by its header where it is dangerous, then asked through qemu-img."""

import json
from pathlib import Path
from typing import Any

from goldsmith.artifact.qemuimg import CHECKING, QUESTION
from goldsmith.audit.facts import Container
from goldsmith.errors import UsageError
from goldsmith.formats.detect import detect
from goldsmith.formats.source import open_file
from goldsmith.host.process import Host

# Image API name: QEMU's name
FORMATS = {"raw": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vhd": "vpc", "vhdx": "vhdx"}
LEAST = 512  # bytes; nothing smaller can hold a partition table
_UNABLE = 63  # exit status of qemu-img check for formats without a check
_FIX = "apt install qemu-utils"


def named(word: str) -> str:
    """Return the Image API name of a format given by that or by QEMU's name. Raises UsageError for others."""
    by_qemu = {qemu: name for name, qemu in FORMATS.items()}
    if word in FORMATS:
        return word
    if word in by_qemu:
        return by_qemu[word]
    raise UsageError(f"{word!r} is no disk format that can be audited", fix=f"one of {', '.join(FORMATS)}")


def recognise(image: Path) -> Container:
    """Tell the format and the dangers from the header alone, before any program opens the file.

    Raises UsageError when it is no disk image at all.
    """
    if not image.exists():
        raise UsageError(f"{image} does not exist", fix="give the path of a disk image")
    if not image.is_file():
        raise UsageError(f"{image} is no plain file", fix="give the path of a disk image")
    size = image.stat().st_size
    if size < LEAST:
        raise UsageError(f"{image} has {size} bytes, too few for a disk", fix="give the path of a disk image")
    with open_file(image) as source:
        found = detect(source)
    if found.format == "iso":
        raise UsageError(
            f"{image} is an ISO medium, not an installed disk", fix="build an image from it first"
        )
    kind, dangers = found.format or "unknown", found.dangers
    if kind not in FORMATS:
        dangers = (*dangers, f"the format {kind} cannot be checked")
    return Container(image, kind, dangers)


def ask_qemu(container: Container, host: Host) -> Container:
    """Return the container with what qemu-img knows; its header must have been found harmless."""
    driver = FORMATS[container.format]
    said = host.run(
        *("qemu-img", "info", "--output=json", "-f", driver, container.path),
        fix=_FIX,
        timeout=60,
        limits=QUESTION,
    )
    facts = json.loads(said.stdout)
    specific = facts.get("format-specific", {}).get("data", {})
    return Container(
        path=container.path,
        format=container.format,
        virtual_size=facts["virtual-size"],
        actual_size=facts["actual-size"],
        extras=tuple(_extras(facts, specific)),
        compat=specific.get("compat", ""),
        compression=specific.get("compression-type", ""),
        faults=_check(container.path, driver, host),
    )


def _extras(facts: dict[str, Any], specific: dict[str, Any]) -> list[str]:
    named = {
        "a backing file": facts.get("backing-filename"),
        "internal snapshots": facts.get("snapshots"),
        "an external data file": specific.get("data-file"),
        "encryption": facts.get("encrypted") or specific.get("encrypt"),
        "a dirty flag": facts.get("dirty-flag"),
        "a corrupt flag": specific.get("corrupt"),
    }
    return [name for name, present in named.items() if present]


def _check(image: Path, driver: str, host: Host) -> tuple[str, ...] | None:
    said = host.run(
        *("qemu-img", "check", "--output=json", "-f", driver, image),
        ok=(0, 1, 2, 3, _UNABLE),
        fix=_FIX,
        timeout=600,
        limits=CHECKING,
    )
    if said.code == _UNABLE:
        return None
    if said.code == 1:
        return tuple(said.stderr.strip().splitlines()[-1:]) or ("qemu-img check could not finish",)
    counts = json.loads(said.stdout)
    return tuple(
        f"{counts[name]} {name}" for name in ("corruptions", "leaks", "check-errors") if counts.get(name)
    )
