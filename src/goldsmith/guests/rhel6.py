"""What is true of RHEL 6 only (sources: docs/recipes.md, Anaconda's rhel6-branch)."""

from goldsmith.guests import anaconda
from goldsmith.guests.family import COMMON_LEFTOVERS, Access, GuestFamily, Packages

FAMILY = GuestFamily(
    name="rhel6",
    summary="Red Hat Enterprise Linux 6 and what is built from its sources",
    defaults={
        "os": "rhel6.10",
        "arch": "x86_64",
        "machine": {
            "memory": "2 GiB",
            "vcpus": 2,
            "timeouts": {"install": "60 min", "silence": "15 min", "phase": "40 min", "boot": "10 min"},
        },
        "disk": {"size": "8 GiB", "bus": "virtio"},
        "install": {"kickstart": "rhel6.ks.j2"},
    },
    kickstart_version="RHEL6",
    media_help="download the RHEL 6.10 Binary DVD with your subscription (access.redhat.com, Downloads), then: "
    "make rhel6 ISO=/path/rhel-server-6.10-x86_64-dvd.iso",
    console=anaconda.RHEL6,
    boot_arguments=("ks=file:/ks.cfg", "cmdline", "console=tty0", "console=ttyS0,115200n8"),
    access=Access.OFFLINE,
    packages=Packages.YUM,
    audit_profile="rhel6",
    admin_user="cloud-user",
    os_distro="rhel",
    legacy_ssh=True,
    machine_type="pc",
    leftovers=(*COMMON_LEFTOVERS, "/etc/yum.repos.d/redhat.repo", "/var/lib/rhsm/facts", "/var/log/rhsm/*"),
    properties={
        "os_type": "linux",
        "hw_qemu_guest_agent": "yes",
        "hw_rng_model": "virtio",
        "hw_machine_type": "pc",
    },
)
