"""The temporary way into a guest: what plants it, and the script that takes every trace of it away again."""

import json
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from goldsmith.guests.family import Access

if TYPE_CHECKING:
    from goldsmith.host.shell import KeyPair

USER = "goldsmith"


@dataclass(frozen=True)
class TemporaryAccess:
    """One boot's credentials: the key Goldsmith logs in with, and the host key it expects of the guest."""

    kind: Access
    user_key: "KeyPair"
    host_key: "KeyPair"

    @property
    def user(self) -> str:
        return USER if self.kind is Access.SEED else "root"

    @property
    def host_key_path(self) -> str:
        """Return where the guest's sshd looks for the planted host key."""
        kind = "rsa" if self.host_key.public.startswith("ssh-rsa") else "ecdsa"
        return f"/etc/ssh/ssh_host_{kind}_key"

    @property
    def privilege(self) -> str:
        """Return what goes before a command that needs root."""
        return "sudo -n " if self.kind is Access.SEED else ""


@dataclass(frozen=True)
class Way:
    """How to log in: without an address it is asked of libvirt. ``host_key`` is the only one that is accepted."""

    user: str
    private: str = field(repr=False)
    public: str
    host_key: str
    port: int = 22
    address: str = ""
    legacy: bool = False
    privilege: str = ""


def way_to(access: TemporaryAccess, forwarded: int | None, *, legacy: bool) -> Way:
    """Return how to log in to a guest with this access; ``forwarded`` is a port of 127.0.0.1."""
    return Way(
        user=access.user,
        private=access.user_key.private,
        public=access.user_key.public,
        host_key=access.host_key.public,
        port=forwarded or 22,
        address="127.0.0.1" if forwarded else "",
        legacy=legacy,
        privilege=access.privilege,
    )


def seed_files(access: TemporaryAccess, *, instance: str) -> dict[str, str]:
    """Return the files of a NoCloud seed (volume label ``cidata``).

    JSON is YAML, so no value needs quoting. The disk is left as it is: no growing, no host name, no package lists.
    Where the access was planted, the seed keeps a cloud-init that is installed from replacing it, and from writing
    this machine's card into the network files that the image is to have (cloud-init from 0.7.9 on does).
    """
    quiet = {
        "ssh_pwauth": False,
        "growpart": {"mode": "off"},
        "resize_rootfs": False,
        "preserve_hostname": True,
        "package_update": False,
        "package_upgrade": False,
    }
    planted = {"users": [], "disable_root": False, "ssh_deletekeys": False}
    data = {**quiet, **(planted if access.kind is Access.OFFLINE else _build_user(access))}
    network = {"network-config": json.dumps({"config": "disabled"}) + "\n"}
    return {
        **(network if access.kind is Access.OFFLINE else {}),
        "meta-data": json.dumps({"instance-id": instance}) + "\n",
        "user-data": "#cloud-config\n" + json.dumps(data, indent=1) + "\n",
    }


def _build_user(access: TemporaryAccess) -> dict[str, object]:
    user = {
        "name": USER,
        "gecos": "Goldsmith build access",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "shell": "/bin/sh",
        "lock_passwd": True,
        "ssh_authorized_keys": [access.user_key.public],
    }
    host_key = {"ecdsa_private": access.host_key.private, "ecdsa_public": access.host_key.public}
    return {"users": [user], "disable_root": True, "ssh_deletekeys": True, "ssh_keys": host_key}


def withdraw_script(kind: Access, *, leftovers: tuple[str, ...]) -> str:
    """Return a shell script, run as root in the guest, that removes the access.

    It ends with the guest's own power-off. Whatever cannot be removed makes it fail: access that stays is no detail.
    Free blocks are given back later, in the appliance of sysprep.
    """
    removal = _FORGET_BOOT + (_user_removal() if kind is Access.SEED else "rm -rf /root/.ssh\n")
    paths = " ".join(_glob(path) for path in leftovers)
    return f"""set -eu
{removal}
rm -rf {paths}
rm -f /etc/ssh/ssh_host_*
sync
(sleep 2; poweroff) >/dev/null 2>&1 </dev/null &
"""


# What `cloud-init clean --logs` does, which versions before 18.3 lack and whose Python starts slowly by emulation:
# all state but the seed, the logs, and the scripts that packages have put there for this moment (from 22.3 on).
_FORGET_BOOT = """for path in /var/lib/cloud/*; do [ "$path" = /var/lib/cloud/seed ] || rm -rf "$path"; done
rm -f /var/log/cloud-init.log* /var/log/cloud-init-output.log*
for part in /etc/cloud/clean.d/*; do [ -f "$part" ] && [ -x "$part" ] && "$part" || :; done
rm -f /etc/ssh/sshd_config.d/50-cloud-init.conf
rm -f /etc/network/interfaces.d/50-cloud-init* /etc/netplan/50-cloud-init.yaml
rm -f /etc/systemd/network/10-cloud-init* /etc/sysconfig/network-scripts/.cloud-init
"""


def _user_removal() -> str:
    user = shlex.quote(USER)
    return f"""rm -f /etc/sudoers.d/90-cloud-init-users
id {user} >/dev/null 2>&1 && {{ userdel -f {user} || :; }}
rm -rf /home/{user} /var/mail/{user} /var/spool/mail/{user}
getent passwd {user} && {{ echo 'the build user is still there' >&2; exit 1; }}
groupdel {user} 2>/dev/null || :
for file in passwd group shadow gshadow subuid subgid; do rm -f /etc/$file-; done
for file in subuid subgid; do [ -f /etc/$file ] && sed -i '/^{user}:/d' /etc/$file; done
"""


def _glob(path: str) -> str:
    """Quote a path but for its wildcards."""
    return "*".join(shlex.quote(part) if part else "" for part in path.split("*"))
