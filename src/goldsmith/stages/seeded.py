"""How the temporary way into a guest gets to it before its boot: on a seed, or planted on its disk."""

from pathlib import Path

from goldsmith.guests import access as temporary
from goldsmith.guests.access import TemporaryAccess
from goldsmith.host.process import Host
from goldsmith.plan.stage import Context
from goldsmith.stages.parts import PATIENCE, private_folder

SEED = "seed.iso"
# What was planted gets its SELinux labels by the guest's own policy. --selinux-relabel would label the whole disk,
# or, where the appliance cannot (Debian's), by a mark that makes the guest relabel itself and start once more.
LABEL = """[ -f /etc/selinux/config ] || exit 0
. /etc/selinux/config
contexts=/etc/selinux/${SELINUXTYPE:-targeted}/contexts/files/file_contexts
[ "$SELINUX" != disabled ] && [ -f "$contexts" ] || exit 0
PATH=$PATH:/usr/sbin:/sbin setfiles -F "$contexts" /root/.ssh /etc/ssh || touch /.autorelabel
"""


def seed(host: Host, folder: Path, access: TemporaryAccess, instance: str, context: Context) -> Path:
    """Make the disc by which cloud-init lets us in; it holds the guest's host key, so that only QEMU may read it."""
    disc = folder / SEED
    with private_folder(context) as private:
        files, aside = private / "files", private / "seed.iso"
        files.mkdir()
        for name, text in temporary.seed_files(access, instance=instance).items():
            (files / name).write_text(text, encoding="utf-8")
        host.run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", "cidata", "-o", aside, files)
        aside.chmod(0o600)
        aside.replace(disc)  # at no moment could others read it
    return disc


def plant(host: Host, disk: Path, access: TemporaryAccess, context: Context) -> None:
    """Put the keys onto the disk of a guest that reads no seed."""
    with private_folder(context) as folder:
        key, host_key, public = folder / "key.pub", folder / "host", folder / "host.pub"
        texts = {
            key: access.user_key.public,
            host_key: access.host_key.private,
            public: access.host_key.public,
        }
        for path, text in texts.items():
            path.touch(mode=0o600)
            path.write_text(text.rstrip() + "\n", encoding="utf-8")
        host.run(
            "virt-customize", "--format", "qcow2", "-a", disk, "--no-network",
            "--ssh-inject", f"root:file:{key}",
            "--upload", f"{host_key}:{access.host_key_path}",
            "--upload", f"{public}:{access.host_key_path}.pub",
            "--chmod", f"0600:{access.host_key_path}",
            "--run-command", LABEL,
            env=context.guestfs_env,
            timeout=PATIENCE,
            fix="the lines above are virt-customize's; the guest's disk was not changed in the store",
        )  # fmt: skip
