"""The first sectors of a disk inside an image, read by qemu-io where no reader of ours knows the format."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from goldsmith.artifact.qemuimg import FIX, QUESTION, qemu_name
from goldsmith.formats.source import by_blocks
from goldsmith.host.process import Host

_BLOCK = 64 << 10
_LINE = re.compile(r"^[0-9a-f]+:  ((?:[0-9a-f]{2} )+)", re.MULTILINE)


@dataclass
class GuestDisk:
    """What a guest reads from an image. Its header must have been found harmless before: a program opens it."""

    host: Host
    path: Path
    format: str
    size: int
    _blocks: dict[int, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.name

    def read(self, offset: int, length: int) -> bytes:
        return by_blocks(self._block, _BLOCK, self.size, offset, length)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            start = number * _BLOCK
            command = f"read -v {start} {min(_BLOCK, self.size - start)}"
            said = self.host.run(
                *("qemu-io", "-r", "-U", "-f", qemu_name(self.format), "-c", command, self.path),
                fix=FIX,
                timeout=60,
                limits=QUESTION,
            )
            self._blocks[number] = bytes.fromhex("".join(_LINE.findall(said.stdout)))
        return self._blocks[number]
