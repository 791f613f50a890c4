"""Tell the format of a file by its content, never by its name, and whether its header is dangerous."""

import logging
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import LazyLoader, find_spec, module_from_spec

from goldsmith.formats.source import Source

_CHUNK = 4096
_HEAD = 4 << 20  # bytes; every header that decides lies within them
_TAIL = 1536  # bytes; the footer of a stream-optimized VMDK
_FOOTER = 512
_VHD_FIXED = 2
_MAGIC = {b"COWD": "vmdk", b"WithoutFreeSpace": "parallels", b"WithouFreSpacExt": "parallels"}
_ENCRYPTED = "it is encrypted with LUKS: no cloud can read it without its key"


@dataclass(frozen=True)
class Detected:
    """What a file is: the name of its format, "" where there is none or several; with the dangers found.

    ``hybrid`` is an ISO medium with a partition table for USB sticks.
    """

    format: str
    dangers: tuple[str, ...] = ()
    hybrid: bool = False


def detect(source: Source) -> Detected:
    """Return the container format: raw where no other format claims the bytes. Any bytes have an answer."""
    head = source.read(0, _CHUNK)
    if not head:
        return Detected("", ("the file is empty",))
    if foreign := next((name for magic, name in _MAGIC.items() if head.startswith(magic)), ""):
        return Detected(foreign, (f"it is a {foreign} of a kind that no cloud takes",))
    if _is_descriptor(head):
        return Detected("vmdk", ("it is only the description of a disk: its data lies in other files",))
    names, dangers = _inspected(source)
    if _has_vhd_footer(source) and "vhd" not in names:
        names = [*(name for name in names if name not in ("raw", "gpt")), "vhd"]
    if sorted(names) == ["gpt", "iso"]:
        return Detected("iso", hybrid=True)
    if len(names) != 1:
        return Detected("", (f"it claims to be several formats at once: {', '.join(sorted(names))}",))
    name = names[0]
    if name == "luks":
        return Detected("luks", (_ENCRYPTED,))
    # gpt: a raw disk with a partition table, which QEMU does not interpret
    return Detected("raw" if name == "gpt" else name, () if name in ("raw", "gpt") else dangers)


def _inspected(source: Source) -> tuple[list[str], tuple[str, ...]]:
    """Return the formats that oslo.utils sees, and what it finds dangerous where it is one alone."""
    _later("oslo_utils.strutils")
    from oslo_utils.imageutils import format_inspector

    # Its warnings are our dangers, told once and in our words.
    logging.getLogger(format_inspector.__name__).setLevel(logging.CRITICAL + 1)
    wrapper = format_inspector.InspectWrapper(iter(()))  # type: ignore[arg-type]
    found = None
    try:
        for chunk in _decisive(source):
            wrapper._process_chunk(
                chunk
            )  # its own reader would read all of a VMDK to see the last 1536 bytes
            found = wrapper.formats
            if found:
                break
        wrapper._finish()
        found = wrapper.formats or []
    except Exception as error:  # noqa: BLE001  hostile bytes may break it anywhere; then nothing is known
        return ["unknown"], (f"its header cannot be read: {_reason(error)}",)
    names = [str(one) for one in found]
    return names, _dangers(found[0]) if len(found) == 1 else ()


def _later(name: str) -> None:
    """Let a module be loaded when somebody uses it; this one compiles so many patterns that it takes 0.1 s."""
    spec = find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _dangers(inspector: object) -> tuple[str, ...]:
    from oslo_utils.imageutils import format_inspector

    assert isinstance(inspector, format_inspector.FileInspector)
    try:
        inspector.safety_check()
    except format_inspector.SafetyCheckFailed as error:
        if "banned" in error.failures:
            return (f"it is a {inspector}, which no cloud takes",)
        return tuple(f"{key}: {value}" for key, value in error.failures.items())
    except Exception as error:  # noqa: BLE001
        # VHDX keeps its metadata anywhere in the file, and oslo.utils has no rule for it; ours reads it there.
        return () if str(inspector) == "vhdx" else (f"its header cannot be checked: {_reason(error)}",)
    return ()


def _decisive(source: Source) -> Iterator[bytes]:
    """Yield the head of the file and its tail; what lies between decides no format."""
    end = min(source.size, _HEAD)
    for start in range(0, end, 64 * _CHUNK):
        block = source.read(start, min(64 * _CHUNK, end - start))
        for at in range(0, len(block), _CHUNK):
            yield block[at : at + _CHUNK]
    if (rest := source.size - end) > 0:
        yield source.read(source.size - min(rest, _TAIL), _TAIL)


def _is_descriptor(head: bytes) -> bool:
    """Say whether QEMU would take a text for a VMDK: comments, then its version."""
    for line in head.lower().splitlines():
        if line.startswith(b"version="):
            return True
        if line.strip() and not line.startswith(b"#"):
            return False
        if line.startswith(b"# disk descriptorfile"):
            return True
    return False


def _has_vhd_footer(source: Source) -> bool:
    """Say whether the file ends as a VHD of fixed size, which has nothing at its start."""
    footer = source.read(max(0, source.size - _FOOTER), _FOOTER)
    if len(footer) < _FOOTER or not footer.startswith(b"conectix"):
        return False
    size, _, kind, checksum = struct.unpack_from(">QIII", footer, 48)
    fits = kind == _VHD_FIXED and size + _FOOTER == source.size
    return bool(fits and checksum == vhd_checksum(footer))


def vhd_checksum(data: bytes, at: int = 64) -> int:
    """Return the checksum that VHD keeps at this place of a structure, counted without itself."""
    return ~(sum(data) - sum(data[at : at + 4])) & 0xFFFFFFFF


def _reason(error: Exception) -> str:
    lines: Sequence[str] = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
