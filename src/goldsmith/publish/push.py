"""Bring one image into a catalog outside: looked at first, in the format that is wanted there, and sent once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.artifact.introspect import DISKS, Inspection, inspect, refusal
from goldsmith.artifact.target import Target, settled
from goldsmith.catalog.contract import Catalog
from goldsmith.catalog.entry import BUILD_KEY, SOURCE, Image, NewImage, Query, Status, min_disk_for
from goldsmith.catalog.rules import REVOKED, check_new
from goldsmith.catalog.source import altered, look
from goldsmith.convert.disk import rewrite
from goldsmith.errors import CatalogError, GateError, UsageError
from goldsmith.formats.source import open_file
from goldsmith.host.aside import aside
from goldsmith.host.files import human_size, need_space, sha256_of
from goldsmith.host.process import Host
from goldsmith.publish.item import Destination, Item
from goldsmith.signing.names import signed

_CONVERTIBLE = frozenset(DISKS)


@dataclass(frozen=True)
class Pushed:
    """An image that is in a catalog now; not ``sent`` when it was there already."""

    catalog: str
    image: Image
    sent: bool
    converted: bool


@dataclass(frozen=True)
class Listener:
    """Who wants to know how far it is: what is done and its per cent, or bytes that were sent and all of them."""

    step: Callable[[str, float], None] = lambda _what, _percent: None
    sending: Callable[[int, int], None] = lambda _done, _all: None


def push(item: Item, to: Destination, host: Host, scratch: Path, heard: Listener = Listener()) -> Pushed:
    """Return the image in the catalog: verified, active, or found there. What is converted is made in ``scratch``.

    Raises GateError for an image that is unsafe, CatalogError when the catalog refuses or the file changes on the way.
    """
    item = item.in_format(to.format)
    if not to.signatures:
        item = item.unsigned()
    if to.visibility:
        item = replace(item, new=replace(item.new, visibility=to.visibility))
    check_new(item.new)
    if to.format in (None, item.new.disk_format) or item.new.disk_format not in _CONVERTIBLE:
        return _send(item, _inspected(item, host), to, heard)
    return _converted(item, str(to.format), to, host, scratch, heard)


def _converted(
    item: Item, wanted: str, to: Destination, host: Host, scratch: Path, heard: Listener
) -> Pushed:
    if signed(item.new.properties):
        raise GateError(
            f"{item.new.name} is signed as {item.new.disk_format}, and {to.name} wants {wanted}: "
            "the signature would not be that of the bytes there",
            fix=f"goldsmith convert it to {wanted}, sign that file, then push it; or push it --unsigned",
        )
    found, catalog, source = _inspected(item, host), to.open(), item.new.disk_format
    item = _with_key(item, wanted)
    _require_not_revoked(catalog, item.new, to.name)
    if twin := _made_before(catalog, item.new):
        return Pushed(to.name, twin, sent=False, converted=True)
    virtual = found.header.virtual_size or 0
    _room(catalog, virtual if wanted == "raw" else 0, to.name)
    with _room_aside(scratch, item.file, virtual) as folder:
        out = folder / f"image.{wanted}"
        rewrite(host, item.file, source, out, settled(Target(wanted)), on_step=heard.step)
        made = Item(out, item.new)
        return replace(_send(made, _inspected(made, host), to, heard, catalog), converted=True)


def _send(
    item: Item, found: Inspection, to: Destination, heard: Listener, catalog: Catalog | None = None
) -> Pushed:
    catalog = catalog or to.open()
    seen, done = look(item.file), 0
    new = _completed(item.new, found)
    _require_not_revoked(catalog, new, to.name)
    if signed(new.properties):
        new = replace(new, properties=to.signature(new.properties))

    def sending(count: int) -> None:
        nonlocal done
        done += count
        heard.sending(done, seen.size)

    image = catalog.register(item.file, new, item.digests, on_bytes=sending)
    if look(item.file) != seen:
        raise altered(item.file)
    converted = image.disk_format != new.disk_format  # by the cloud
    return Pushed(to.name, image, sent=done > 0, converted=converted)


def _require_not_revoked(catalog: Catalog, new: NewImage, name: str) -> None:
    """Refuse to send what the catalog holds as revoked: beside that it would be active once more."""
    key = new.properties.get(BUILD_KEY)
    for one in catalog.list(Query(properties={BUILD_KEY: key}, hidden=True)) if key else ():
        if why := one.properties.get(REVOKED):
            raise GateError(
                f"{new.name} was revoked in {name} ({one.id}): {why}",
                fix="push another version; a new build of a recipe that was mended makes one",
            )


def _completed(new: NewImage, found: Inspection) -> NewImage:
    """Add what the image itself tells, where nobody said it."""
    virtual = found.header.virtual_size
    return replace(
        new,
        virtual_size=virtual or new.virtual_size,
        min_disk=new.min_disk or (min_disk_for(virtual) if virtual and found.format in _CONVERTIBLE else 0),
        properties={**found.header.properties, **new.properties},
    )


def _inspected(item: Item, host: Host) -> Inspection:
    """Return what the file is. Raises GateError when nobody should open it, UsageError for another format."""
    with open_file(item.file) as file:
        found = inspect(file, host)
    if not found.safe:
        raise refusal(item.file, found.problems)
    said = item.new.disk_format
    if found.format != said and not (
        said in ("raw", "ami", "aki", "ari", "ploop") and found.format in ("raw", None)
    ):
        raise UsageError(
            f"{item.file} is {found.format or found.container}, not {said}",
            fix=f"say --disk-format {found.format}" if found.format else "see goldsmith inspect",
        )
    return found


def _with_key(item: Item, wanted: str) -> Item:
    """Return the entry as it is to be of the converted bytes, by which they are found again."""
    properties = dict(item.new.properties)
    if key := properties.get(BUILD_KEY):
        properties[BUILD_KEY] = f"{key}-{wanted}"
    properties[SOURCE] = item.digests.sha256 if item.digests else sha256_of(item.file)
    return replace(item, new=replace(item.new, disk_format=wanted, properties=properties))


def _made_before(catalog: Catalog, new: NewImage) -> Image | None:
    query = Query(
        name=new.name, status=Status.ACTIVE, hidden=True, properties={SOURCE: new.properties[SOURCE]}
    )
    return next((one for one in catalog.list(query) if one.disk_format == new.disk_format), None)


def _room(catalog: Catalog, size: int, name: str) -> None:
    """Raise CatalogError for what the catalog has no room for, before it is converted for nothing."""
    if why := catalog.limits().refusal(size):
        raise CatalogError(
            f"{name} has no room for it: {why}",
            fix="delete what is not needed, ask for more, or push a smaller format",
        )


@contextmanager
def _room_aside(scratch: Path, file: Path, virtual: int) -> Iterator[Path]:
    scratch.mkdir(parents=True, exist_ok=True)
    need_space(
        scratch, min(virtual, 4 * file.stat().st_size), what=f"{file.name} ({human_size(virtual)}) converted"
    )
    with aside(scratch, "converted") as folder:
        yield folder
