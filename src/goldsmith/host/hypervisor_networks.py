"""The networks of one libvirt connection; a part of ``hypervisor.Hypervisor``."""

from contextlib import AbstractContextManager, suppress
from typing import Any
from xml.etree import ElementTree as ET

import libvirt

from goldsmith.errors import GuestError
from goldsmith.host.domains import network_xml


class Networks:
    """What Goldsmith asks of libvirt's networks; networks are named, as guests are."""

    _connection: Any

    def _words(self, name: str = "") -> AbstractContextManager[None]:
        raise NotImplementedError

    def network_active(self, name: str) -> bool:
        """Say whether the network exists and runs."""
        with suppress(GuestError), self._words(name):
            return bool(self._connection.networkLookupByName(name).isActive())
        return False

    def start_network(self, name: str, subnet: str) -> None:
        """Start a NAT network, now and with libvirt; an unknown one gets ``subnet``, as ``192.168.122``."""
        with self._words(name):
            known = [one.name() for one in self._connection.listAllNetworks(0)]
            if name not in known:
                self._connection.networkDefineXML(network_xml(name, subnet))
            network = self._connection.networkLookupByName(name)
            if not network.isActive():
                network.create()
            with suppress(libvirt.libvirtError):
                network.setAutostart(1)

    def forget_network(self, name: str) -> None:
        """Undefine a network that does not run; one that is not there is left so."""
        with suppress(GuestError), self._words(name):
            self._connection.networkLookupByName(name).undefine()

    def subnets(self) -> set[str]:
        """Return the first three numbers of every network that is defined, running or not."""
        with self._words():
            described = [one.XMLDesc(0) for one in self._connection.listAllNetworks(0)]
        addresses = (ip.get("address", "") for one in described for ip in ET.fromstring(one).iterfind("ip"))
        return {address.rpartition(".")[0] for address in addresses if "." in address}
