"""What must be known of an image file before it is booted: that it is harmless, and what is in it."""

from collections.abc import Mapping
from pathlib import Path

from goldsmith.audit.appliance import converse
from goldsmith.audit.container import FORMATS, ask_qemu, recognise
from goldsmith.audit.gather import look
from goldsmith.boottest.hardware import seen_properties
from goldsmith.boottest.place import Image
from goldsmith.errors import GateError
from goldsmith.host.process import Host


def recognised(path: Path, declared: str | None, host: Host) -> Image:
    """Return the image with its format and size; ``declared`` is the catalog's format.

    Raises UsageError for what is no disk image, GateError for one that would make QEMU open other files, or that is
    not what it is declared to be.
    """
    container = recognise(path)
    if container.dangers:
        raise GateError(
            f"{path} is not safe to boot: {'; '.join(container.dangers)}",
            fix="goldsmith audit tells more; convert it into an image that stands alone",
        )
    if declared and declared != container.format:
        raise GateError(
            f"{path} is {container.format}, but is declared to be {declared}", fix="register it anew"
        )
    known = ask_qemu(container, host)
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
