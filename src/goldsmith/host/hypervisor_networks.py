"""The networks of one libvirt connection; a part of ``hypervisor.Hypervisor``."""

from contextlib import AbstractContextManager, suppress
from typing import Any
from xml.etree import ElementTree as ET

import libvirt

from goldsmith.errors import GuestError
from goldsmith.host.domains import is_older_network, network_xml, on_network

_KNOWS_OPTIONS = 5_006_000  # the version of libvirt since which a network may say what dnsmasq is told


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

    def renew_network(self, name: str) -> bool:
        """Define a network anew that an older Goldsmith has made; returns whether it did, and then it does not run.

        Not while a guest is on it, which would be cut off. Its subnet stays.
        """
        with suppress(GuestError), self._words(name):
            if self._connection.getLibVersion() < _KNOWS_OPTIONS:
                return False
            network = self._connection.networkLookupByName(name)
            described = network.XMLDesc(0)
            running = self._connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
            address = ET.fromstring(described).find("ip")
            subnet = "" if address is None else address.get("address", "").rpartition(".")[0]
            if not subnet or not is_older_network(described):
                return False
            if any(on_network(one.XMLDesc(0), name) for one in running):
                return False
            if network.isActive():
                network.destroy()
            network.undefine()
            self._connection.networkDefineXML(network_xml(name, subnet))
            return True
        return False

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
