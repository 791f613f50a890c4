"""What is true of RHEL 9 only."""

from goldsmith.guests import anaconda, rhel
from goldsmith.guests.family import Access, GuestFamily, Packages

FAMILY = GuestFamily(
    name="rhel9",
    summary="Red Hat Enterprise Linux 9 and what is built from its sources",
    defaults=rhel.defaults(os="rhel9.6", kickstart="rhel8.ks.j2", memory="3 GiB", disk="10 GiB"),
    kickstart_version="RHEL9",
    media_help=rhel.media_help("rhel9", "9.6"),
    console=anaconda.RHEL7,
    boot_arguments=rhel.BOOT_ARGUMENTS,
    access=Access.OFFLINE,
    packages=Packages.DNF,
    audit_profile="rhel8+",
    admin_user=rhel.ADMIN,
    os_distro="rhel",
    least_ram=1536,  # libosinfo's minimum
    anaconda_log=True,
    leftovers=rhel.LEFTOVERS,
    properties=rhel.PROPERTIES,
)
