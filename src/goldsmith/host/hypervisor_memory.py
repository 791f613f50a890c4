"""The memory of running guests, kept in files; a part of ``hypervisor.Hypervisor``."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import libvirt

from goldsmith.errors import GuestError
from goldsmith.host.domains import disks_of, snapshot_xml


class Memories:
    """A guest's memory and disk of one moment, and a guest that goes on from there."""

    _connection: Any

    def _words(self, name: str = "") -> AbstractContextManager[None]:
        raise NotImplementedError

    def _guest(self, name: str) -> AbstractContextManager[Any]:
        raise NotImplementedError

    def agent_ready(self, name: str) -> bool:
        raise NotImplementedError

    def snapshot_with_memory(self, name: str, *, disk: str, overlay: Path, memory: Path) -> bool:
        """Do what ``snapshot`` does, and write the guest's memory of the same moment to the new file ``memory``.

        The guest stands still meanwhile. Returns whether its file systems were frozen: then they are so in ``memory``.
        """
        with self._guest(name) as guest:
            xml = snapshot_xml(disk, overlay, disks_of(str(guest.XMLDesc(0))), memory=memory)
        flags = (
            libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
            | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
            | libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT
        )
        with self._frozen(name) as frozen, self._guest(name) as guest:
            guest.snapshotCreateXML(xml, flags)
        return frozen

    def restore(self, memory: Path, change: Callable[[str], str]) -> None:
        """Let a guest go on from its memory, its description changed by ``change``; its name cannot be.

        libvirt does not end it with this connection: it has no such flag here.
        """
        with self._words():
            kept = self._connection.saveImageGetXMLDesc(str(memory), libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE)
            self._connection.restoreFlags(str(memory), change(kept), libvirt.VIR_DOMAIN_SAVE_RUNNING)

    def thaw(self, name: str) -> None:
        """Let the guest's file systems be written again, by its agent."""
        with self._guest(name) as guest:
            guest.fsThaw()

    @contextmanager
    def _frozen(self, name: str) -> Iterator[bool]:
        frozen = False
        if self.agent_ready(name):
            with suppress(GuestError), self._guest(name) as guest:
                guest.fsFreeze()
                frozen = True
        try:
            yield frozen
        except KeyboardInterrupt:  # the guest is taken away, and a busy one would hold that up
            frozen = False
            raise
        finally:
            if frozen:
                self.thaw(name)
