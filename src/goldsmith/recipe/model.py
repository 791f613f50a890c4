"""What a recipe may say: sizes are bytes, times are seconds, choices are enums."""

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from goldsmith.errors import Mark
from goldsmith.recipe.checks import BootTest, Checks
from goldsmith.recipe.marks import Node, locate
from goldsmith.recipe.openscap import OpenScap
from goldsmith.recipe.parts import Part
from goldsmith.recipe.quantities import Many, Size, Time, refuse
from goldsmith.recipe.rhel import Sources
from goldsmith.recipe.secrets import TextOrSecret
from goldsmith.recipe.steps import Refresh, Step
from goldsmith.recipe.upkeep import Upkeep
from goldsmith.recipe.windows import Windows
from goldsmith.recipe.words import Format, Visibility

NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
VERSION = "{{ version }}"  # stands in the catalog's texts until the build gives the version


class Firmware(StrEnum):
    BIOS = "bios"
    UEFI = "uefi"


class Bus(StrEnum):
    VIRTIO = "virtio"
    SCSI = "scsi"
    SATA = "sata"
    IDE = "ide"


class Compression(StrEnum):
    NONE = "none"
    ZLIB = "zlib"
    ZSTD = "zstd"


class Media(Part):
    """What the guest is installed from: exactly one of iso, tree and image."""

    iso: str | None = Field(
        default=None, min_length=1, description="Path, URL, or a name known to `goldsmith media`."
    )
    tree: str | None = Field(
        default=None, min_length=1, description="URL or path of an installation tree (.treeinfo)."
    )
    image: str | None = Field(
        default=None, min_length=1, description="Path or URL of a disk image to start from."
    )
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-fA-F]{64}$", description="Digest that the medium must have."
    )
    refresh: Annotated[Refresh, Field(strict=False)] | None = Field(
        default=None,
        description="Look again at a URL without sha256 after a day, a week (where nothing is said), never, or always.",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("iso", "tree", "image") if getattr(self, name) is not None]
        if len(given) != 1:
            raise refuse(
                f"media names {' and '.join(given) or 'nothing to install from'}",
                "give exactly one of iso:, tree: and image:",
            )
        return self

    @property
    def kind(self) -> str:
        return next(name for name in ("iso", "tree", "image") if getattr(self, name) is not None)

    @property
    def location(self) -> str:
        found: str = getattr(self, self.kind)
        return found

    @property
    def freshness(self) -> Refresh:
        """Return how long what was found at a URL is taken to be there still."""
        return self.refresh or Refresh.WEEKLY


class Timeouts(Part):
    """How long to wait; seconds."""

    install: Time = Field(default=3600.0, description="The whole installation.")
    silence: Time = Field(default=900.0, description="No output on the console of the installer.")
    phase: Time = Field(default=2400.0, description="One phase of the installation.")
    disk: Time = Field(
        default=1200.0,
        description="No reading or writing of the disk, whatever the installer says meanwhile.",
    )
    boot: Time = Field(default=600.0, description="From power-on until the guest lets us in.")
    step: Time = Field(default=1800.0, description="One customize step that says no timeout of its own.")
    without_kvm: Annotated[float, Field(strict=False)] = Field(
        default=2,
        ge=1,
        le=100,
        description="How many times longer all of them are where guests run without KVM.",
    )


class Machine(Part):
    """The virtual machine that the image is built in."""

    memory: Size = Field(default=2 * 2**30, description="Memory of the build machine.")
    vcpus: int = Field(default=2, ge=1, le=256, description="Virtual CPUs of the build machine.")
    firmware: Annotated[Firmware, Field(strict=False)] = Field(
        default=Firmware.BIOS, description="bios or uefi."
    )
    network: str = Field(
        default="auto",
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="auto, user, or the name of a libvirt network.",
    )
    keep_memory: bool = Field(
        default=True, description="Keep the guest's memory beside a layer, so that later steps need no boot."
    )
    timeouts: Timeouts = Timeouts()


class Disk(Part):
    """The disk that becomes the image."""

    size: Size = Field(
        default=8 * 2**30, description="Virtual size; guests grow into larger disks at first boot."
    )
    bus: Annotated[Bus, Field(strict=False)] = Field(
        default=Bus.VIRTIO, description="Bus of the disk at build time."
    )

    @property
    def device(self) -> str:
        """Return what Linux calls the first disk of this bus."""
        return "vda" if self.bus is Bus.VIRTIO else "sda"


class Install(Sources):
    """The unattended installation."""

    kickstart: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9._/-]+$", max_length=200, description="Template in kickstarts/."
    )
    locale: str = Field(
        default="en_US.UTF-8", pattern=r"^[A-Za-z0-9_.@-]+$", description="Language and encoding."
    )
    keyboard: str = Field(
        default="us", pattern=r"^[A-Za-z0-9_-]+$", description="Keyboard layout of the console."
    )
    timezone: str = Field(
        default="UTC", pattern=r"^[A-Za-z0-9_+/-]+$", description="Time zone, such as Europe/Berlin."
    )
    hostname: str = Field(
        default="localhost.localdomain", pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"
    )
    packages: Many[str] = Field(
        default=(), description="Packages and @groups for the installer; -name leaves one out."
    )
    boot_arguments: Many[str] = Field(
        default=(), description="Arguments for the installer's kernel, after the family's."
    )
    variables: dict[Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")], TextOrSecret | int | bool] = Field(
        default={}, description="Values for the templates, as variables.NAME; secrets are allowed."
    )


class Sysprep(Part):
    """Changes to the family's list of virt-sysprep operations."""

    enable: Many[str] = ()
    disable: Many[str] = ()


class Export(Part):
    """One finished image file."""

    format: Annotated[Format, Field(strict=False)] = Format.QCOW2
    compression: Annotated[Compression, Field(strict=False)] = Field(
        default=Compression.ZLIB, description="zlib opens everywhere; zstd is faster and needs QEMU 5.1."
    )

    @model_validator(mode="after")
    def _can_compress(self) -> Self:
        if self.format != Format.QCOW2 and self.compression == Compression.ZSTD:
            raise refuse(f"{self.format} knows no compression with zstd", "use compression: none")
        return self


class Catalog(Part):
    """The image as the catalog shows it."""

    name: str | None = Field(
        default=None, description="May use {{ version }}; else NAME-{{ version }}.", max_length=255
    )
    description: str = ""
    visibility: Annotated[Visibility, Field(strict=False)] = Visibility.PRIVATE
    protected: bool = False
    min_disk: Literal["auto"] | Annotated[int, Field(ge=0)] = Field(
        default="auto", description="GiB, or auto."
    )
    min_ram: Literal["auto"] | Annotated[int, Field(ge=0)] = Field(
        default="auto", description="MiB, or auto."
    )
    properties: dict[str, str] = Field(
        default={}, description="Image properties; all values are text: quote numbers."
    )
    tags: Many[str] = ()
    upkeep: Upkeep = Field(default=Upkeep(), description="What is promised of the image (SCS standard).")
    os_name: bool = Field(
        default=False,
        description="Set os_name to libosinfo's id, as the vendor's manual does; no OpenStack service reads it.",
    )


class Recipe(Part):
    """All that is said about one image, with every default filled in."""

    name: str = Field(pattern=NAME, description="Name of the recipe and of what it builds.")
    summary: str = Field(default="", description="One line for `goldsmith recipes`.")
    family: str = Field(description="Guest family, which gives the defaults: rhel7, rhel6, demo ...")
    extends: str | None = Field(default=None, description="Another recipe that this one only changes.")
    os: str = Field(description="libosinfo's short id, such as rhel7.9.")
    arch: Literal["x86_64"] = "x86_64"
    media: Media
    machine: Machine = Machine()
    disk: Disk = Disk()
    install: Install = Install()
    windows: Windows | None = Field(default=None, description="Choices of a Windows guest.")
    customize: Many[Step] = ()
    sysprep: Sysprep = Sysprep()
    export: Many[Export] = Field(default=(Export(),), min_length=1)
    audit: Checks = Checks()
    openscap: OpenScap | None = Field(default=None, description="Scan the finished image with OpenSCAP.")
    boot_test: BootTest = BootTest()
    catalog: Catalog = Catalog()

    _node: Node | None = PrivateAttr(None)
    _sources: tuple[Path, ...] = PrivateAttr(())

    def at(self, *path: str | int) -> Mark | None:
        """Return where ``path`` was said, or what is nearest; None for a recipe made in memory."""
        return locate(self._node, path) if self._node else None

    @property
    def sources(self) -> tuple[Path, ...]:
        """Return the files it was read from: its own first, then what it extends."""
        return self._sources

    def entry_name(self, version: str) -> str:
        """Return the name in the catalog of one version."""
        return self.versioned(self.catalog.name or f"{self.name}-{VERSION}", version)

    def versioned(self, text: str, version: str) -> str:
        """Put the version into a text of the catalog section."""
        return text.replace(VERSION, version)

    @property
    def digest(self) -> str:
        """Return the digest of all it says, with what it extends and every default; secrets by reference."""
        return hashlib.sha256(json.dumps(self.said(), sort_keys=True).encode()).hexdigest()

    def said(self) -> dict[str, Any]:
        """Return the recipe as JSON values for keys and records; secrets appear as references only."""
        unsaid = {"media": {"refresh"}} if self.media.refresh is None else None  # older keys do not know it
        return self.model_dump(mode="json", fallback=str, exclude=unsaid)
