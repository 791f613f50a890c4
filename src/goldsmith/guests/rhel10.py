"""What is true of RHEL 10 only."""

from goldsmith.guests import anaconda, rhel
from goldsmith.guests.family import Access, GuestFamily, Packages

FAMILY = GuestFamily(
    name="rhel10",
    summary="Red Hat Enterprise Linux 10 and what is built from its sources",
    defaults=rhel.defaults(os="rhel10.0", kickstart="rhel8.ks.j2", memory="4 GiB", disk="10 GiB"),
    kickstart_version="RHEL10",
    media_help=rhel.media_help("rhel10", "10.0"),
    console=anaconda.RHEL7,
    boot_arguments=rhel.BOOT_ARGUMENTS,
    access=Access.OFFLINE,
    packages=Packages.DNF,
    audit_profile="rhel8+",
    admin_user=rhel.ADMIN,
    os_distro="rhel",
    least_ram=1536,  # as RHEL 9; libosinfo here knew none
    anaconda_log=True,
    leftovers=rhel.LEFTOVERS,
    properties=rhel.PROPERTIES,
)
