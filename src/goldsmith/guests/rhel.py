"""What is true of all Red Hat Enterprise Linux families (sources: docs/recipes.md, Anaconda's branches)."""

from collections.abc import Mapping
from typing import Any

from goldsmith.guests.family import COMMON_LEFTOVERS

ADMIN = "cloud-user"
LEFTOVERS = (*COMMON_LEFTOVERS, "/etc/yum.repos.d/redhat.repo", "/var/lib/rhsm/facts", "/var/log/rhsm/*")
PROPERTIES = {"os_type": "linux", "hw_qemu_guest_agent": "yes", "hw_rng_model": "virtio"}


def defaults(*, os: str, kickstart: str) -> Mapping[str, Any]:
    """Return what a recipe of these families need not say; ``os`` is libosinfo's short id."""
    return {
        "os": os,
        "arch": "x86_64",
        "machine": {
            "memory": "2 GiB",
            "vcpus": 2,
            "timeouts": {"install": "60 min", "silence": "15 min", "phase": "40 min", "boot": "10 min"},
        },
        "disk": {"size": "8 GiB", "bus": "virtio"},
        "install": {"kickstart": kickstart},
    }


def media_help(recipe: str, release: str) -> str:
    """Say where the medium of a recipe is obtained, and what to type then."""
    return (
        f"download the RHEL {release} Binary DVD with your subscription (access.redhat.com, Downloads), then: "
        f"make {recipe} ISO=/path/rhel-server-{release}-x86_64-dvd.iso"
    )
