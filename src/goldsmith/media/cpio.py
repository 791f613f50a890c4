"""Write an initramfs: a cpio archive of the "newc" kind, made without root or outside tools."""

import gzip
import stat
from dataclasses import dataclass, field
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Member:
    mode: int
    data: bytes = b""


@dataclass
class Archive:
    """The tree of an initramfs; everything belongs to root and has no date, so equal content is an equal file."""

    members: dict[str, Member] = field(default_factory=dict)

    def folder(self, path: str) -> None:
        for name in [str(parent) for parent in reversed(PurePosixPath(path).parents)] + [path]:
            if name not in ("", ".", "/"):
                self.members.setdefault(name, Member(stat.S_IFDIR | 0o755))

    def file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        self.folder(str(PurePosixPath(path).parent))
        self.members[path] = Member(stat.S_IFREG | mode, data)

    def link(self, path: str, to: str) -> None:
        self.folder(str(PurePosixPath(path).parent))
        self.members[path] = Member(stat.S_IFLNK | 0o777, to.encode())

    def packed(self) -> bytes:
        """Return the archive, compressed with gzip, which every kernel can read."""
        return gzip.compress(self.plain(), compresslevel=6, mtime=0)

    def plain(self) -> bytes:
        """Return the archive as it is, for one that holds mostly what is compressed already."""
        body = b"".join(
            _entry(number, name, one) for number, (name, one) in enumerate(self.members.items(), 1)
        )
        return body + _entry(0, "TRAILER!!!", Member(0))


def _entry(inode: int, name: str, member: Member) -> bytes:
    links = 2 if stat.S_ISDIR(member.mode) else 1
    numbers = (inode, member.mode, 0, 0, links, 0, len(member.data), 0, 0, 0, 0, len(name.encode()) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name.encode() + b"\0"
    return _padded(head) + _padded(member.data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
