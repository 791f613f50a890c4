"""What an image file is to become: format, compression and the kinds that a format has."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from goldsmith.errors import UsageError
from goldsmith.host.files import human_size

FORMATS = ("raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx")
COMPRESSIONS = ("none", "zlib", "zstd")
# The first is what is meant where nothing is said. Kinds of VMDK with several files are none: a catalog keeps one.
SUBFORMATS = {
    "vmdk": ("streamOptimized", "monolithicSparse"),
    "vhd": ("dynamic", "fixed"),
    "vhdx": ("dynamic", "fixed"),
    "vdi": ("dynamic", "static"),
}
COMPATS = {"v2": "0.10", "0.10": "0.10", "v3": "1.1", "1.1": "1.1"}
ADAPTERS = ("lsilogic", "buslogic", "ide", "legacyESX")
_MOST_VHD = 2040 << 30


@dataclass(frozen=True)
class Target:
    """A wish; None leaves a choice to ``settled``. Names are those of the Image API and of QEMU."""

    format: str
    compression: str | None = None
    subformat: str | None = None
    compat: str | None = None
    adapter: str | None = None

    def __str__(self) -> str:
        more = (self.subformat, self.compression if self.compression != "none" else None, self.compat)
        return " ".join(one for one in (self.format, *more) if one)


def settled(wish: Target) -> Target:
    """Return the wish with its defaults. Raises UsageError for what the format does not have."""
    if wish.format not in FORMATS:
        raise UsageError(f"{wish.format} is no format of a disk", fix=f"choose one of {', '.join(FORMATS)}")
    kinds = SUBFORMATS.get(wish.format, ())
    if wish.subformat and wish.subformat not in kinds:
        choose = f"choose one of {', '.join(kinds)}" if kinds else "leave --subformat out"
        raise UsageError(f"{wish.format} has no subformat {wish.subformat}", fix=choose)
    for option, format_, value in (("compat", "qcow2", wish.compat), ("adapter", "vmdk", wish.adapter)):
        if value and wish.format != format_:
            raise UsageError(
                f"{wish.format} has no {option}", fix=f"leave --{option} out; it is for {format_}"
            )
    if wish.compat and wish.compat not in COMPATS:
        raise UsageError(f"qcow2 has no compat {wish.compat}", fix="choose v3 (1.1) or v2 (0.10)")
    if wish.compression not in (None, *COMPRESSIONS):
        _only_without_compression(wish)
    if wish.format == "qcow2":
        return _settled_qcow2(wish)
    if wish.format == "vmdk":
        return _settled_vmdk(wish)
    _only_without_compression(wish)
    return replace(wish, compression="none", subformat=wish.subformat or next(iter(kinds), None))


def _settled_qcow2(wish: Target) -> Target:
    compat = COMPATS[wish.compat or "v3"]
    if wish.compression == "zstd" and compat == "0.10":
        raise UsageError("qcow2 of version 2 knows no zstd", fix="use --compression zlib, or --compat v3")
    return replace(wish, compression=wish.compression or "zlib", compat=compat)


def _settled_vmdk(wish: Target) -> Target:
    kind = wish.subformat or ("monolithicSparse" if wish.compression == "none" else "streamOptimized")
    own = "zlib" if kind == "streamOptimized" else "none"
    if (wish.compression or own) != own:
        raise UsageError(
            f"a VMDK of the kind {kind} has {own} compression, not {wish.compression}",
            fix="leave --compression out, or choose the other --subformat",
        )
    return replace(wish, compression=own, subformat=kind, adapter=wish.adapter or ADAPTERS[0])


def _only_without_compression(wish: Target) -> None:
    if wish.compression not in (None, "none"):
        raise UsageError(
            f"{wish.format} with {wish.compression} compression does not exist",
            fix="choose qcow2 with zlib or zstd, vmdk with zlib, or no compression",
        )


def must_fit(target: Target, size: int) -> None:
    """Raise UsageError for a disk that is larger than the format can hold."""
    if target.format == "vhd" and size > _MOST_VHD:
        raise UsageError(
            f"a VHD holds {human_size(_MOST_VHD)} at most, and the disk has {human_size(size)}",
            fix="use --to vhdx",
        )


def flags(target: Target) -> Sequence[str]:
    """Return qemu-img's options that write a settled target."""
    options: list[str] = []
    compressed = target.compression in ("zlib", "zstd")
    if target.format == "qcow2":
        options = [f"compat={target.compat}"]
        if target.compression == "zstd":  # the default has to stay unsaid for a qemu-img that knows no other
            options.append("compression_type=zstd")
    elif target.format == "vmdk":
        options = [f"subformat={target.subformat}", f"adapter_type={target.adapter}"]
    elif target.format == "vhd":  # force_size: else the size is rounded up to whole cylinders
        options = [f"subformat={target.subformat}", "force_size=on"]
    elif target.format == "vhdx":
        options = [f"subformat={target.subformat}"]
    elif target.format == "vdi":
        options = [f"static={'on' if target.subformat == 'static' else 'off'}"]
    return [
        *(["-c"] if compressed else []),
        *(["-W"] if target.format in ("qcow2", "raw") else []),
        *(["-o", ",".join(options)] if options else []),
    ]
