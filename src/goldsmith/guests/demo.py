"""The demo guest: a Debian installed by the stand-in installer ISO that Goldsmith builds itself."""

from goldsmith.guests import anaconda
from goldsmith.guests.family import COMMON_LEFTOVERS, Access, GuestFamily, Packages

FAMILY = GuestFamily(
    name="demo",
    summary="Debian by the stand-in installer, for trying Goldsmith without vendor media",
    defaults={
        "os": "debian11",
        "arch": "x86_64",
        "media": {"iso": "goldsmith-demo-installer"},
        "machine": {
            "memory": "1024 MiB",
            "vcpus": 2,
            "timeouts": {"install": "15 min", "silence": "5 min", "phase": "8 min", "boot": "5 min"},
        },
        "disk": {"size": "8 GiB", "bus": "virtio"},
        "install": {"kickstart": "demo.ks.j2"},
        "boot_test": {"enabled": False},  # under emulation it takes half as long as all the rest
    },
    kickstart_version="RHEL7",
    media_help="goldsmith media build goldsmith-demo-installer makes it from the host's Debian packages",
    console=anaconda.RHEL7,
    boot_arguments=(
        "inst.ks=file:/ks.cfg",
        "inst.cmdline",
        "inst.nosave=all",
        "console=tty0",
        "console=ttyS0,115200n8",
    ),
    access=Access.SEED,
    packages=Packages.APT,
    audit_profile="debian",
    admin_user="debian",
    os_distro="debian",
    os_tells_release=False,  # it is the release of the host's own packages
    sysprep_disable=(),
    leftovers=(*COMMON_LEFTOVERS, "/etc/ssh/ssh_host_*"),
    properties={"os_type": "linux", "hw_qemu_guest_agent": "yes", "hw_rng_model": "virtio"},
)
