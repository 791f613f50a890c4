"""What must be known of an image file before it is booted: that it is harmless, and what is in it."""

from collections.abc import Mapping
from pathlib import Path

from goldsmith.audit.appliance import converse
from goldsmith.audit.container import FORMATS, accepted, ask_qemu, declared, recognise
from goldsmith.audit.gather import look
from goldsmith.boottest.hardware import seen_properties
from goldsmith.boottest.place import Image
from goldsmith.host.process import Host


def recognised(path: Path, format: str | None, host: Host) -> Image:  # noqa: A002  the word of the Image API
    """Return the image with its format and size; ``format`` is the one that the catalog declares.

    Raises UsageError for what is no disk image, GateError for one that no program may open, or that is
    not what it is declared to be.
    """
    known = accepted(ask_qemu(declared(accepted(recognise(path)), format), host))
    return Image(path, known.format, known.virtual_size)


def inspected(image: Image, host: Host, env: Mapping[str, str]) -> Mapping[str, str]:
    """Return what a look inside tells as properties of the image: system, version, firmware. One appliance launch."""
    guest = converse(
        image.path,
        lambda appliance: look(appliance, sees=(), reads=()),
        driver=FORMATS[image.format],
        host=host,
        env=env,
    )
    return seen_properties(guest)
