"""What is true of RHEL 7 only."""

from goldsmith.guests import anaconda, rhel
from goldsmith.guests.family import Access, GuestFamily, Packages

FAMILY = GuestFamily(
    name="rhel7",
    summary="Red Hat Enterprise Linux 7 and what is built from its sources",
    defaults=rhel.defaults(os="rhel7.9", kickstart="rhel7.ks.j2"),
    kickstart_version="RHEL7",
    media_help=rhel.media_help("rhel7", "7.9"),
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
    admin_user=rhel.ADMIN,
    os_distro="rhel",
    least_ram=1024,  # libosinfo's minimum
    anaconda_log=True,
    not_on_dvd=rhel.NOT_ON_DVD,
    leftovers=rhel.LEFTOVERS,
    properties=rhel.PROPERTIES,
)
