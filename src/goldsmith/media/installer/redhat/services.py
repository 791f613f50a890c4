# SPDX-License-Identifier: GPL-2.0-or-later
"""chkconfig, service, and commands of which only the call is noted."""

import os
from collections.abc import Sequence

from goldsmith.media.installer.redhat.guest import Guest


def recorded(guest: Guest, args: Sequence[str]) -> int:  # noqa: ARG001
    """Do nothing: to have been called is all that a build asks of it."""
    return 0


def chkconfig(guest: Guest, args: Sequence[str]) -> int:
    """Turn SysV services on and off, and tell which are."""
    words = [word for word in args if not word.startswith("--level")]
    if not words or words[0] == "--list":
        for name in words[1:] or _scripts(guest):
            if not guest.is_script(name):
                guest.complain(f"error reading information on service {name}: No such file or directory")
                return 1
            levels = "\t".join(f"{one}:{'on' if guest.is_on(name, one) else 'off'}" for one in range(7))
            guest.say(f"{name:15}\t{levels}")
        return 0
    if words[0] in ("--add", "--del"):
        name, verb = words[1], "on" if words[0] == "--add" else "off"
    else:
        name, verb = words[0], words[1] if len(words) > 1 else ""
    if not guest.has_service(name):
        guest.complain(f"error reading information on service {name}: No such file or directory")
        return 1
    if not verb:
        return 0 if guest.is_on(name) else 1
    guest.switch(name, on=verb in ("on", "reset"))
    return 0


def _scripts(guest: Guest) -> list[str]:
    folder = guest.path("/etc/rc.d/init.d")
    return sorted(one.name for one in folder.iterdir() if one.name != "functions") if folder.is_dir() else []


def service(guest: Guest, args: Sequence[str]) -> int:
    """Run a SysV script."""
    if len(args) < 2 or not guest.is_script(args[0]):
        guest.complain(f"{args[0] if args else ''}: unrecognized service")
        return 1
    return os.spawnv(os.P_WAIT, guest.path(f"/etc/rc.d/init.d/{args[0]}"), list(args))


def sysv_install(guest: Guest, args: Sequence[str]) -> int:
    """Stand for what systemctl calls to enable a SysV service: ``enable|disable|is-enabled NAME``."""
    verb, name = [word for word in args if not word.startswith("--")][:2]
    if verb == "is-enabled":
        return 0 if guest.is_on(name) else 1
    guest.complain(f"{name}.service is not a native service, redirecting to /sbin/chkconfig.")
    return chkconfig(guest, [name, "on" if verb == "enable" else "off"])
