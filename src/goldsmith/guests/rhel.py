"""What is true of all Red Hat Enterprise Linux families (sources: docs/recipes.md, Anaconda's branches)."""

from collections.abc import Iterator, Mapping
from typing import Any

from goldsmith.errors import RecipeError
from goldsmith.guests import anaconda
from goldsmith.guests.family import COMMON_LEFTOVERS, Access, GuestFamily, Packages
from goldsmith.recipe.model import Firmware, Recipe
from goldsmith.recipe.secrets import Secret, Secrets

ADMIN = "cloud-user"
LEFTOVERS = (
    *COMMON_LEFTOVERS,
    "/etc/resolv.conf",  # of the build's network; each boot writes it anew
    "/etc/resolv.conf.predhclient*",
    "/etc/yum.repos.d/redhat.repo",
    "/var/lib/rhsm/*",
    "/var/log/rhsm/*",
)
# Of RHEL 6 and 7: Red Hat has moved them between channels, and no list of its DVDs was at hand.
NOT_ON_DVD = ("cloud-init", "cloud-utils-growpart")
# Of RHEL 8 and later; every parameter of the installer begins with inst. there.
BOOT_ARGUMENTS = (
    "inst.ks=file:/ks.cfg",
    "inst.cmdline",
    "inst.nosave=all",
    "net.ifnames=0",
    "console=tty0",
    "console=ttyS0,115200n8",
)
PROPERTIES = {"os_type": "linux", "hw_qemu_guest_agent": "yes", "hw_rng_model": "virtio"}


def defaults(
    *, os: str, kickstart: str, memory: str = "2 GiB", disk: str = "8 GiB", **install: Any
) -> Mapping[str, Any]:
    """Return what a recipe of these families need not say; ``os`` is libosinfo's short id."""
    return {
        "os": os,
        "arch": "x86_64",
        "machine": {
            "memory": memory,
            "vcpus": 2,
            "timeouts": {"install": "60 min", "silence": "15 min", "phase": "40 min", "boot": "10 min"},
        },
        "disk": {"size": disk, "bus": "virtio"},
        "install": {"kickstart": kickstart, **install},
    }


def since_8(major: int, *, minor: int, memory: str, least_ram: int) -> GuestFamily:
    """Return the family of RHEL 8 or later; they differ in numbers alone."""
    name, release = f"rhel{major}", f"{major}.{minor}"
    return GuestFamily(
        name=name,
        summary=f"Red Hat Enterprise Linux {major} and what is built from its sources",
        defaults=defaults(os=f"rhel{release}", kickstart="rhel8.ks.j2", memory=memory, disk="10 GiB"),
        kickstart_version=f"RHEL{major}",
        media_help=media_help(name, release),
        console=anaconda.RHEL7,
        boot_arguments=BOOT_ARGUMENTS,
        access=Access.OFFLINE,
        packages=Packages.DNF,
        audit_profile="rhel8+",
        admin_user=ADMIN,
        os_distro="rhel",
        least_ram=least_ram,
        anaconda_log=True,
        leftovers=LEFTOVERS,
        properties=PROPERTIES,
    )


def media_help(recipe: str, release: str) -> str:
    """Say where the medium of a recipe is obtained, and what to type then."""
    server = "server-" if recipe in ("rhel6", "rhel7") else ""
    return (
        f"download the RHEL {release} Binary DVD with your subscription (access.redhat.com, Downloads), then: "
        f"make {recipe} ISO=/path/rhel-{server}{release}-x86_64-dvd.iso"
    )


def problems(recipe: Recipe) -> Iterator[RecipeError]:
    """Yield what a recipe says that does not go with its family."""
    six = recipe.family == "rhel6"
    if recipe.install.root_growth and not six:
        yield RecipeError(
            f"root_growth is for rhel6: in {recipe.family} cloud-init grows the root partition",
            at=recipe.at("install", "root_growth"),
            fix="remove root_growth",
        )
    if six and recipe.machine.firmware is Firmware.UEFI:
        yield RecipeError(
            "the kickstart of rhel6 is for BIOS: its boot loader there is GRUB legacy",
            at=recipe.at("machine", "firmware"),
            fix="say firmware: bios",
        )


def unregistrable(recipe: Recipe, secrets: Secrets) -> Iterator[RecipeError]:
    """Yield what the registration lacks, with both ways out; nothing for a guest that is not registered."""
    subscription = None if recipe.media.kind == "image" else recipe.install.subscription
    for value in subscription.variables().values() if subscription else ():
        if isinstance(value, Secret):
            try:
                secrets.reveal(value)
            except RecipeError as error:
                fix = (
                    f"{error.fix} to register the guest while it is built; or build from the medium alone: "
                    'SET="content=medium" (goldsmith build: --set content=medium; in a recipe: '
                    "install.content.origin: medium)"
                )
                yield RecipeError(error.problem, at=error.at, fix=fix)
