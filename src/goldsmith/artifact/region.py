"""A part of a disk inside an image, as a file of its own."""

from dataclasses import dataclass
from pathlib import Path

from goldsmith.artifact.qemuimg import FIX, THREADS, WORK, OnPercent, percent, qemu_name
from goldsmith.errors import GoldsmithError
from goldsmith.host.process import Host


@dataclass(frozen=True)
class Region:
    """Bytes of the disk that a guest sees."""

    start: int
    size: int


def cut_out(
    host: Host,
    image: Path,
    image_format: str,
    region: Region,
    out: Path,
    *,
    on_progress: OnPercent | None = None,
) -> None:
    """Write this part of the disk to the raw file ``out``, with its holes, and compare the two."""
    inner = (
        f"file.driver={qemu_name(image_format)},file.file.driver=file,file.file.filename={_escaped(image)}"
    )
    source = f"driver=raw,offset={region.start},size={region.size},{inner}"
    written = f"driver=raw,file.driver=file,file.filename={_escaped(out)}"
    host.run(
        *("qemu-img", "convert", "-p", "-m", str(THREADS), "-W", "-O", "raw", "--image-opts", source, out),
        fix=FIX,
        on_line=percent(on_progress),
        limits=WORK,
    )
    same = host.run(
        "qemu-img", "compare", "-q", "--image-opts", source, written, ok=(0, 1), fix=FIX, limits=WORK
    )
    if same.code:
        out.unlink()
        raise GoldsmithError(
            f"the part cut out of {image.name} is not the same; it was removed", fix="try it again"
        )


def _escaped(path: Path) -> str:
    """Return a path as qemu's option strings take it: a comma is written twice."""
    return str(path.absolute()).replace(",", ",,")
