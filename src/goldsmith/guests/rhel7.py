"""What is true of RHEL 7 only (sources: docs/recipes.md, Anaconda's rhel7-branch)."""

from goldsmith.guests import anaconda
from goldsmith.guests.family import COMMON_LEFTOVERS, Access, GuestFamily, Packages

FAMILY = GuestFamily(
    name="rhel7",
    summary="Red Hat Enterprise Linux 7 and what is built from its sources",
    defaults={
        "os": "rhel7.9",
        "arch": "x86_64",
        "machine": {
            "memory": "2 GiB",
            "vcpus": 2,
            "timeouts": {"install": "60 min", "silence": "15 min", "phase": "40 min", "boot": "10 min"},
        },
        "disk": {"size": "8 GiB", "bus": "virtio"},
        "install": {"kickstart": "rhel7.ks.j2"},
    },
    kickstart_version="RHEL7",
    media_help="download the RHEL 7.9 Binary DVD with your subscription (access.redhat.com, Downloads), then: "
    "make rhel7 ISO=/path/rhel-server-7.9-x86_64-dvd.iso",
    console=anaconda.RHEL7,
    boot_arguments=(
        "inst.ks=file:/ks.cfg",
        "inst.cmdline",
        "inst.nosave=all",
        "net.ifnames=0",
        "biosdevname=0",
        "console=tty0",
        "console=ttyS0,115200n8",
    ),
    access=Access.OFFLINE,
    packages=Packages.YUM,
    audit_profile="rhel7",
    admin_user="cloud-user",
    os_distro="rhel",
    anaconda_log=True,
    leftovers=(*COMMON_LEFTOVERS, "/etc/yum.repos.d/redhat.repo", "/var/lib/rhsm/facts", "/var/log/rhsm/*"),
    properties={"os_type": "linux", "hw_qemu_guest_agent": "yes", "hw_rng_model": "virtio"},
)
