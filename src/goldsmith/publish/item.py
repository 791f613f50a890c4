"""What is to be published: the bytes, and what is said of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote

from goldsmith.catalog.contract import Catalog
from goldsmith.catalog.entry import SHA256, Image, NewImage
from goldsmith.catalog.rules import CHANNEL, FIXED
from goldsmith.errors import UsageError
from goldsmith.host.files import Digests
from goldsmith.signing.names import PROPERTIES as SIGNATURE

FACTS = "register.json"  # of the register stage

BUILD = "goldsmith_build"


@dataclass(frozen=True)
class Destination:
    """A catalog outside and how it wants its images; None leaves that to the image.

    ``signature`` returns the properties of a signed image as they are to be there: its
    certificate has another id. Without ``signatures`` a signed image is sent as one that is not.
    """

    name: str
    open: Callable[[], Catalog] = field(repr=False, compare=False)
    format: str | None = None
    visibility: str | None = None
    signature: Callable[[Mapping[str, str]], Mapping[str, str]] = field(
        default=lambda said: said, repr=False, compare=False
    )
    signatures: bool = True

    def facts(self) -> Mapping[str, str | None]:
        unsigned = {} if self.signatures else {"signature": "left out"}
        return {"catalog": self.name, "format": self.format, "visibility": self.visibility, **unsigned}


@dataclass(frozen=True)
class Item:
    """One image file with all that its entry is to say. ``digests`` are known where nobody writes to it any more."""

    file: Path
    new: NewImage
    digests: Digests | None = None
    family: tuple["Item", ...] = ()  # the same disk in other formats

    @property
    def build(self) -> str:
        """Return the id of the build that it came from, or ""."""
        return self.new.properties.get(BUILD, "")

    def unsigned(self) -> "Item":
        """Return this without its signature."""
        said = {name: value for name, value in self.new.properties.items() if name not in SIGNATURE}
        return replace(self, new=replace(self.new, properties=said))

    def in_format(self, wanted: str | None) -> "Item":
        """Return this, or what there is of the same disk in the wanted format."""
        return next((one for one in (self, *self.family) if one.new.disk_format == wanted), self)


@dataclass(frozen=True)
class Wishes:
    """What a person wants to be different; None and nothing leave it as it is."""

    name: str | None = None
    visibility: str | None = None
    protected: bool | None = None
    min_disk: int | None = None  # GiB
    min_ram: int | None = None  # MiB
    properties: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    def applied(self, new: NewImage) -> NewImage:
        return replace(
            new,
            name=new.name if self.name is None else self.name,
            visibility=self.visibility or new.visibility,
            protected=new.protected if self.protected is None else self.protected,
            min_disk=new.min_disk if self.min_disk is None else self.min_disk,
            min_ram=new.min_ram if self.min_ram is None else self.min_ram,
            properties={**new.properties, **self.properties},
            tags=tuple(dict.fromkeys((*new.tags, *self.tags))),
        )

    def unmet(self, image: Image) -> tuple[str, ...]:
        """Return the options of ``goldsmith image set`` that would make an image as is wished here."""
        fields = {
            "--name": (self.name, image.name),
            "--visibility": (self.visibility, image.visibility.value),
            "--min-disk": (self.min_disk, image.min_disk),
            "--min-ram": (self.min_ram, image.min_ram),
        }
        words = [
            f"{option} {quote(str(now))}" for option, (now, was) in fields.items() if now not in (None, was)
        ]
        if self.protected not in (None, image.protected):
            words.append("--protected" if self.protected else "--unprotected")
        pairs = sorted(self.properties.items() - image.properties.items())
        words += [f"--property {quote(f'{name}={value}')}" for name, value in pairs]
        return (*words, *(f"--tag {quote(one)}" for one in self.tags if one not in image.tags))


def entry_of(image: Image) -> NewImage:
    """Return what an entry of the embedded catalog is to say elsewhere; its channels are no property of the bytes."""
    properties = {
        name: value
        for name, value in image.properties.items()
        if name != SHA256 and name not in FIXED and not name.startswith(CHANNEL)
    }
    return NewImage(
        name=image.name,
        disk_format=image.disk_format,
        container_format=image.container_format,
        visibility=image.visibility.value,
        protected=image.protected,
        min_disk=image.min_disk,
        min_ram=image.min_ram,
        virtual_size=image.virtual_size,
        properties=properties,
        tags=image.tags,
    )


def item_of(image: Image, file: Path) -> Item:
    """Return an active image of the embedded catalog, whose bytes are in ``file`` and never change."""
    if None in (image.checksum, image.sha256, image.os_hash_value, image.size):
        raise UsageError(f"image {image.id} has no bytes yet", fix=f"goldsmith image show {image.id}")
    digests = Digests(str(image.checksum), str(image.sha256), str(image.os_hash_value), int(image.size or 0))
    return Item(file, entry_of(image), digests)


def together(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Let the formats of one build know each other."""
    return tuple(replace(one, family=tuple(other for other in items if other is not one)) for one in items)
