"""The disks of running guests: layers taken live, counters, room on the host; a part of ``hypervisor.Hypervisor``."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import libvirt

from goldsmith.errors import GuestError
from goldsmith.host.domains import disks_of, snapshot_xml


class Disks:
    """What a guest writes to."""

    def _guest(self, name: str) -> AbstractContextManager[Any]:
        raise NotImplementedError

    def agent_ready(self, name: str) -> bool:
        raise NotImplementedError

    def xml(self, name: str) -> str:
        raise NotImplementedError

    def snapshot(
        self, name: str, *, disk: str, overlay: Path, quiesce: bool, others: Sequence[str] = ()
    ) -> bool:
        """Let the running guest write to ``overlay`` from now on; its disk so far is then a finished layer.

        ``overlay`` is an empty qcow2 whose backing file is that disk. Returns whether the guest's file
        systems were frozen meanwhile; where the agent cannot do that, the layer is as after a power cut.
        """
        xml = snapshot_xml(disk, overlay, sorted({*disks_of(self.xml(name)), *others}))
        flags = (
            libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
            | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
            | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
            | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
        )
        if quiesce and self.agent_ready(name):
            with suppress(GuestError), self._guest(name) as guest:
                guest.snapshotCreateXML(xml, flags | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE)
                return True
        with self._guest(name) as guest:
            guest.snapshotCreateXML(xml, flags)
        return False

    def disk_counters(self, name: str, disk: str) -> tuple[int, int]:
        """Return the bytes that the guest read from and wrote to a disk since its start."""
        with self._guest(name) as guest:
            _, read, _, written, _ = guest.blockStats(disk)
            return read, written

    def found_no_room(self, name: str) -> bool:
        """Say whether QEMU holds the guest still because the host had no room for what it wrote.

        By virDomainGetDiskErrors; QEMU pauses a guest for that fault alone, unless its disk says otherwise (werror).
        """
        with suppress(GuestError), self._guest(name) as guest:
            return libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE in guest.diskErrors().values()
        return False
