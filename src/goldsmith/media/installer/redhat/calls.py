# SPDX-License-Identifier: GPL-2.0-or-later
"""The stand-in commands: which function each name calls, and where every call is noted.

The note goes to the serial console, which the host keeps whatever becomes of the disk; nothing of it is in the image.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from goldsmith.media.installer.redhat.boot import dracut, grub2_mkconfig, grub2_set_default, grubby, lsinitrd
from goldsmith.media.installer.redhat.guest import Guest
from goldsmith.media.installer.redhat.rpm import rpm
from goldsmith.media.installer.redhat.security import fixfiles, getenforce, restorecon, setfiles
from goldsmith.media.installer.redhat.services import chkconfig, recorded, service, sysv_install
from goldsmith.media.installer.redhat.subscription import masked, subscription_manager
from goldsmith.media.installer.redhat.yum import yum, yum_config_manager

Call = Callable[[Guest, Sequence[str]], int]

BOTH: Mapping[str, Call] = {
    "/usr/sbin/subscription-manager": subscription_manager,
    "/usr/bin/yum": yum,
    "/usr/bin/yum-config-manager": yum_config_manager,
    "/usr/bin/rpm": rpm,
    "/usr/sbin/chkconfig": chkconfig,
    "/usr/sbin/service": service,
    "/usr/sbin/restorecon": restorecon,
    "/usr/sbin/fixfiles": fixfiles,
    "/usr/sbin/setfiles": setfiles,
    "/usr/sbin/getenforce": getenforce,
    "/usr/sbin/load_policy": recorded,
    "/usr/sbin/authconfig": recorded,
    "/usr/sbin/grubby": grubby,
    "/usr/sbin/dracut": dracut,
    "/usr/bin/lsinitrd": lsinitrd,
}
SEVEN: Mapping[str, Call] = {
    "/usr/sbin/grub2-mkconfig": grub2_mkconfig,
    "/usr/sbin/grub2-set-default": grub2_set_default,
    "/usr/bin/firewall-offline-cmd": recorded,
    "/usr/bin/firewall-cmd": recorded,
    "/usr/sbin/tuned-adm": recorded,
    "/usr/lib/systemd/systemd-sysv-install": sysv_install,
}
SIX: Mapping[str, Call] = {"/usr/sbin/lokkit": recorded}
_QUIET = ("systemd-sysv-install", "getenforce")  # not typed by anybody


def commands(generation: int) -> Mapping[str, Call]:
    """Return the commands of a generation by their paths."""
    return {**BOTH, **(SIX if generation == 6 else SEVEN)}


def call(argv: Sequence[str], guest: Guest | None = None) -> int:
    """Run a command by its name and note it with its exit status."""
    guest = guest or Guest()
    name, args = Path(argv[0]).name, list(argv[1:])
    known = {Path(path).name: function for path, function in commands(guest.release.generation).items()}
    code = known[name](guest, args)
    if name not in _QUIET:
        guest.note(f"standin-call: {' '.join([name, *masked(args)])} [{code}]")
    return code


def main() -> None:
    try:
        sys.exit(call(sys.argv))
    except BrokenPipeError:
        sys.exit(141)
