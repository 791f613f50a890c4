"""What is true of RHEL 6 only."""

from goldsmith.guests import anaconda, rhel
from goldsmith.guests.family import Access, GuestFamily, Packages

FAMILY = GuestFamily(
    name="rhel6",
    summary="Red Hat Enterprise Linux 6 and what is built from its sources",
    defaults=rhel.defaults(os="rhel6.10", kickstart="rhel6.ks.j2", root_growth="first-boot"),
    kickstart_version="RHEL6",
    media_help=rhel.media_help("rhel6", "6.10"),
    console=anaconda.RHEL6,
    boot_arguments=("ks=file:/ks.cfg", "cmdline", "console=tty0", "console=ttyS0,115200n8"),
    access=Access.OFFLINE,
    packages=Packages.YUM,
    audit_profile="rhel6",
    admin_user=rhel.ADMIN,
    os_distro="rhel",
    least_ram=1024,  # libosinfo's minimum
    systemd=False,
    legacy_ssh=True,
    machine_type="pc",
    not_on_dvd=rhel.NOT_ON_DVD,
    leftovers=(*rhel.LEFTOVERS, "/var/lib/misc/goldsmith-growroot"),
    properties={**rhel.PROPERTIES, "hw_machine_type": "pc"},
)
