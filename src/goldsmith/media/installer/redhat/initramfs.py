# SPDX-License-Identifier: GPL-2.0-or-later
"""The initramfs of the guest: the payload's own, behind a small archive of ours that the kernel unpacks, too."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from goldsmith.media.installer.redhat.guest import Guest

_BLOCK = 512
_END = "TRAILER!!!"
_MODULES = "usr/lib/dracut/modules.txt"
_NAMES = "etc/systemd/network/99-default.link"  # an empty one leaves eth0 its name, as in RHEL 6


def write_initramfs(guest: Guest, source: Path, target: Path) -> None:
    """Write ``target``: what ``source`` holds, behind a part of our own that replaces an earlier one."""
    part = _archive(_extra(guest))
    body = source.read_bytes()
    aside = target.with_name(f"{target.name}.new")
    aside.write_bytes(part + b"\0" * (-len(part) % _BLOCK) + body[_own(body) :])
    aside.chmod(0o600)
    aside.replace(target)


def _extra(guest: Guest) -> dict[str, str]:
    modules = "base\nkernel-modules\nrootfs-block\nudev-rules\n"
    extra = {} if guest.systemd else {_NAMES: ""}
    if any(one.name == "dracut-modules-growroot" for one in guest.installed()):
        modules += "growroot\n"
        extra["usr/share/dracut/hooks/pre-pivot/99growroot.sh"] = (
            "#!/bin/sh\n# the payload grows while it runs\n"
        )
    return {**extra, _MODULES: modules}


def _own(body: bytes) -> int:
    """Return where our part ends: 0 when there is none."""
    end = body.find(f"{_END}\0".encode(), 0, 1 << 16)
    if not body.startswith(b"070701") or _MODULES.encode() not in body[: end + 1]:
        return 0
    end += len(_END) + 1
    end += -end % 4
    return end + (-end % _BLOCK)


def names(image: Path) -> list[str]:
    """Return the paths in our part of an initramfs."""
    body = image.read_bytes()
    return [one.decode() for one in re.findall(rb"(?:usr|etc)/[\w./-]+", body[: _own(body)])]


def _archive(files: Mapping[str, str]) -> bytes:
    """Return a cpio archive of the kind "newc", with the folders of its files."""
    folders = {str(one) for name in files for one in PurePosixPath(name).parents} - {"."}
    entries = [_entry(0o40755, name, b"") for name in sorted(folders)]
    entries += [_entry(0o100644, name, text.encode()) for name, text in sorted(files.items())]
    return b"".join([*entries, _entry(0, _END, b"")])


def _entry(mode: int, name: str, data: bytes) -> bytes:
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % one for one in numbers) + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
