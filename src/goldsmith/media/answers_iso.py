"""The small disc that answers for a person while Windows is installed."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from goldsmith.host.process import Host

_PACKAGE = "apt install xorriso, then goldsmith doctor"


def make_answers_iso(
    host: Host, target: Path, *, files: Mapping[str, bytes], copies: Mapping[str, Path], label: str
) -> None:
    """Write an ISO with ``files`` and with ``copies`` of files of this host, by their paths on it.

    The files hold passwords: they and the ISO can be read by their owner alone, and ``target`` is renamed into place
    from its folder, which no other user may look into either.
    """
    with tempfile.TemporaryDirectory(prefix="answers-", dir=target.parent) as name:
        folder = Path(name)
        grafts: list[str] = []
        for number, (path, content) in enumerate(files.items()):
            part = folder / str(number)
            part.touch(mode=0o600)
            part.write_bytes(content)
            grafts.append(f"{_escaped(path)}={_escaped(str(part))}")
        grafts += [f"{_escaped(path)}={_escaped(str(source))}" for path, source in copies.items()]
        aside = folder / "answers.iso"
        host.run(
            *("xorriso", "-as", "mkisofs", "-quiet", "-J", "-joliet-long", "-R", "-V", label),
            *("-o", str(aside), "-graft-points", *grafts),
            fix=_PACKAGE,
            timeout=600,
        )
        aside.chmod(0o600)
        aside.replace(target)


def _escaped(text: str) -> str:
    r"""Write a path for mkisofs's graft points, which end at the first = that has no \\ before it."""
    return text.replace("\\", "\\\\").replace("=", "\\=")
