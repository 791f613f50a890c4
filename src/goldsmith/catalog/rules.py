"""What the Image API takes: names, formats, limits. Checked before anything is sent or written."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from goldsmith.catalog.command import command
from goldsmith.catalog.entry import BUILD_KEY, SHA256, Changes, Image, NewImage, Status, Visibility
from goldsmith.errors import CatalogError, GateError, UsageError
from goldsmith.recipe.properties import refusal
from goldsmith.signing.names import PROPERTIES, check_signed

DISK_FORMATS = ("qcow2", "raw", "vmdk", "vdi", "vhd", "vhdx", "iso", "ami", "aki", "ari", "ploop")
CONTAINER_FORMATS = ("bare", "ovf", "ova", "docker", "compressed", "ami", "aki", "ari")
KINDS = ("ami", "aki", "ari")  # are their own container formats
LONGEST = 255  # characters of a name, a tag, a property's name
MOST_PROPERTIES = 128
FIXED = frozenset(
    """id name status visibility protected os_hidden disk_format container_format size virtual_size checksum
    os_hash_algo os_hash_value min_disk min_ram owner tags created_at updated_at file self schema stores
    locations direct_url""".split()  # noqa: SIM905  a column of words would hide the rules
)
_OPTIONS = {
    "name": "--name",
    "visibility": "--visibility",
    "protected": "--protected",
    "os_hidden": "goldsmith image set --hidden",
    "disk_format": "the option for the format",
    "container_format": "goldsmith image import --container-format",
    "min_disk": "--min-disk",
    "min_ram": "--min-ram",
    "owner": "goldsmith image set --owner",
    "tags": "--tag",
}
OURS = frozenset({BUILD_KEY, SHA256})  # say what the bytes are, so they never change
EVIDENCE = (
    "goldsmith_evidence_"  # with a kind behind it: what is known about an image that came from elsewhere
)
CHANNEL = "goldsmith_channel_"  # with a channel's name behind it: the property of the image that it points to

REVOKED = "goldsmith_revoked"  # the reason why an image's version was revoked


def container_of(disk_format: str) -> str:
    """Return the container format of a plain file: as bare, a kernel would be refused for its boot sector."""
    return disk_format if disk_format in KINDS else "bare"


def check_new(new: NewImage) -> None:
    """Raise UsageError for what the Image API would refuse in a new image."""
    _name(new.name)
    _one_of("disk_format", new.disk_format, DISK_FORMATS)
    _one_of("container_format", new.container_format, CONTAINER_FORMATS)
    _one_of("visibility", new.visibility, tuple(Visibility))
    _number("min_disk", new.min_disk)
    _number("min_ram", new.min_ram)
    if new.virtual_size is not None:
        _number("virtual_size", new.virtual_size)
    if SHA256 in new.properties:
        raise UsageError(f"the property {SHA256} is set by the catalog itself", fix="leave it out")
    _properties(new.properties)
    check_signed(new.properties)
    _tags(new.tags)


def check_changes(changes: Changes, *, cloud: str = "") -> None:
    """Raise UsageError for what the Image API would refuse in an update."""
    if changes.name is not None:
        _name(changes.name)
    if changes.visibility is not None:
        _one_of("visibility", changes.visibility, tuple(Visibility))
    if changes.owner is not None:
        _text("the owner", changes.owner)
    _number("min_disk", changes.min_disk or 0)
    _number("min_ram", changes.min_ram or 0)
    touched = {*changes.set_properties, *changes.unset_properties}
    if fixed := sorted(touched & OURS):
        raise UsageError(f"the property {fixed[0]} says what the bytes are and cannot be changed")
    if channel := next((name for name in sorted(touched) if name.startswith(CHANNEL)), None):
        raise UsageError(
            f"the property {channel} says in which channel the image is, and is set by promoting it",
            fix=command(f"promote NAME@VERSION --to {channel.removeprefix(CHANNEL)}", cloud)
            + ", or rollback, or revoke",
        )
    if REVOKED in touched:
        raise UsageError(
            f"the property {REVOKED} says why the image was revoked, and is set by revoking its version",
            fix=command("revoke NAME@VERSION --reason '...'", cloud),
        )
    if said := next((name for name in sorted(touched) if name.startswith(EVIDENCE)), None):
        raise UsageError(
            f"the property {said} says what was found out about the image, and is set when it is brought here",
            fix="goldsmith image attach NAME@VERSION KIND FILE" + (", then push it again" if cloud else ""),
        )
    if both := sorted(changes.set_properties.keys() & changes.unset_properties):
        raise UsageError(f"the property {both[0]} is both set and unset", fix="say one of the two")
    if twice := sorted(changes.add_tags & changes.remove_tags):
        raise UsageError(f"the tag {twice[0]!r} is both added and removed", fix="say one of the two")
    _properties(changes.set_properties)
    _tags(changes.add_tags)


def changed(image: Image, changes: Changes, *, cloud: str = "") -> Image:
    """Return the image as it is after all these changes; CatalogError when it lacks what is to be removed."""
    check_changes(changes, cloud=cloud)
    if changes.hidden is False:
        check_returning(image)
    if missing := sorted(changes.unset_properties - image.properties.keys()):
        raise CatalogError(
            f"image {image.id} has no property {missing[0]}", fix=command(f"image show {image.id}", cloud)
        )
    if missing := sorted(changes.remove_tags - set(image.tags)):
        raise CatalogError(
            f"image {image.id} has no tag {missing[0]}", fix=command(f"image show {image.id}", cloud)
        )
    properties = {**image.properties, **changes.set_properties}
    properties = {name: value for name, value in properties.items() if name not in changes.unset_properties}
    _check_count(properties)
    if {*changes.set_properties, *changes.unset_properties} & {*PROPERTIES}:
        check_signed(properties)
    return replace(
        image,
        name=image.name if changes.name is None else changes.name,
        visibility=image.visibility if changes.visibility is None else Visibility(changes.visibility),
        protected=image.protected if changes.protected is None else changes.protected,
        hidden=image.hidden if changes.hidden is None else changes.hidden,
        min_disk=image.min_disk if changes.min_disk is None else changes.min_disk,
        min_ram=image.min_ram if changes.min_ram is None else changes.min_ram,
        owner=image.owner if changes.owner is None else changes.owner,
        properties=properties,
        tags=tuple(sorted((set(image.tags) | changes.add_tags) - changes.remove_tags)),
    )


def check_leaving(image: Image, verb: str, *, cloud: str = "") -> None:
    """Raise GateError for an image that is protected or that a channel points to."""
    if channel := next((name for name in sorted(image.properties) if name.startswith(CHANNEL)), None):
        raise GateError(
            f"image {image.id} ({image.name}) is in the channel {channel.removeprefix(CHANNEL)}",
            fix=f"promote another version, roll back, or revoke this one with a reason; then {verb} it",
        )
    if image.protected:
        raise GateError(
            f"image {image.id} ({image.name}) is protected",
            fix=command(f"image set {image.id} --unprotected", cloud) + f", then {verb} it",
        )


def check_returning(image: Image) -> None:
    """Raise GateError for an image of a revoked version: nobody is to get it again."""
    if why := image.properties.get(REVOKED):
        raise GateError(
            f"image {image.id} ({image.name}) was revoked and stays so: {why}",
            fix="mend the recipe, and build another version",
        )


def check_switch(image: Image, before: Status, after: Status, *, cloud: str = "") -> None:
    """Raise GateError or CatalogError unless the image may go from one state to the other."""
    needs_status(image, before, after, cloud=cloud)
    if after is Status.DEACTIVATED:
        check_leaving(replace(image, protected=False), "deactivate", cloud=cloud)
    elif after is Status.ACTIVE:
        check_returning(image)


def needs_status(image: Image, before: Status, after: Status, *, cloud: str = "") -> None:
    """Raise CatalogError unless the image is in the state that leads to the other one."""
    if image.status is not before:
        raise CatalogError(
            f"image {image.id} is {image.status}, but only {before} images can become {after}",
            fix=command(f"image show {image.id}", cloud),
        )


def unread(image: Image, *, cloud: str = "") -> CatalogError:
    """Return the error for an image whose bytes nobody gets."""
    return CatalogError(
        f"image {image.id} ({image.name}) is {image.status}, so its bytes are given to nobody",
        fix="take an active image" if image.half else command(f"image reactivate {image.id}", cloud),
    )


def _check_count(properties: Mapping[str, str]) -> None:
    if len(properties) > MOST_PROPERTIES:
        raise UsageError(
            f"{len(properties)} properties are more than the {MOST_PROPERTIES} that an image can have"
        )


def _name(name: str) -> None:
    if not name.strip():
        raise UsageError("the name of the image is empty", fix="give it a name")
    _text("the name", name)


def _text(what: str, text: str) -> None:
    if len(text) > LONGEST:
        raise UsageError(
            f"{what} has {len(text)} characters, the longest that fits has {LONGEST}", fix="shorten it"
        )
    if strange := next((char for char in text if ord(char) > 0xFFFF or ord(char) < 32), None):
        raise UsageError(
            f"{what} holds the character {strange!r}, which Glance refuses", fix="use letters, digits, .-_@"
        )


def _properties(properties: Mapping[str, str]) -> None:
    _check_count(properties)
    for name, value in properties.items():
        _property(name, value)


def _property(name: str, value: object) -> None:
    if not name:
        raise UsageError("a property has no name", fix="write it as name=value")
    _text(f"the name of the property {name[:40]}", name)
    if name in FIXED:
        option = _OPTIONS.get(name)
        fix = f"use {option}" if option else "leave it out: the catalog sets it"
        raise UsageError(f"{name} is a field of the image, not a property", fix=fix)
    if name.startswith("os_glance"):
        raise UsageError(f"the property {name} belongs to Glance", fix="choose a name without os_glance")
    if not isinstance(value, str):
        raise UsageError(
            f"the property {name} is {value!r}, but the Image API takes text only", fix=f'write "{value}"'
        )
    if found := refusal(name, value):
        raise UsageError(found[0], fix=found[1])


def _tags(tags: Iterable[str]) -> None:
    for tag in tags:
        if not tag.strip():
            raise UsageError("a tag is empty", fix="leave it out")
        _text(f"the tag {tag[:40]}", tag)


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(
            f"{what} is {value!r}, but there are only: {' '.join(known)}", fix=f"choose a {what}"
        )


def _number(what: str, value: int) -> None:
    if not 0 <= value < 1 << 63:
        raise UsageError(f"{what} is {value}, but must be 0 or more", fix="give a whole number")
