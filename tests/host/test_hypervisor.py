"""Against libvirt's test driver; what only QEMU can do is in test_hypervisor_real.py."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import libvirt
import pytest

from goldsmith.errors import GuestError, HostError
from goldsmith.host.domains import (
    Resets,
    Screenshot,
    disks_of,
    first_usable,
    is_older_network,
    moved,
    network_xml,
    snapshot_xml,
    with_untouched_backing,
)
from goldsmith.host.hypervisor import DomainInfo, DomainState, Hypervisor, connect
from goldsmith.host.hypervisor_words import translated
from goldsmith.host.libvirtd import ensure_network

NODE = """
<node>
  <domain type="test">
    <name>goldsmith-7-install</name><memory>1024</memory><os><type>hvm</type></os>
  </domain>
  <domain type="test"><name>other</name><memory>1024</memory><os><type>hvm</type></os></domain>
  <network><name>default</name><ip address="192.168.122.1"/></network>
</node>
"""
GUEST = "<domain type='test'><name>{}</name><memory>1024</memory><os><type>hvm</type></os></domain>"
NAME = "goldsmith-7-install"


@pytest.fixture
def hypervisor(tmp_path: Path) -> Iterator[Hypervisor]:
    (tmp_path / "node.xml").write_text(NODE)
    with connect(f"test://{tmp_path}/node.xml") as hypervisor:
        yield hypervisor


def test_a_libvirt_that_does_not_answer_is_a_fault_of_the_host(tmp_path, capfd):
    uri = f"qemu+unix:///system?socket={tmp_path}/none"
    with pytest.raises(HostError, match=r"cannot be reached: .*\n  fix: goldsmith doctor"), connect(uri):
        pass
    assert capfd.readouterr().err == "", "libvirt may not print by itself"


def test_the_versions_behind_a_connection_are_told(hypervisor):
    assert hypervisor.ping().startswith("libvirt ")
    assert "<capabilities>" in hypervisor.capabilities_text()


def test_guests_are_found_by_prefix_with_their_note(hypervisor):
    hypervisor.annotate(NAME, "goldsmith build 7")
    assert hypervisor.domains("goldsmith-") == [DomainInfo(NAME, DomainState.RUNNING, "goldsmith build 7")]
    assert [one.name for one in hypervisor.domains()] == [NAME, "other"]


def test_a_guest_lives_from_define_to_undefine(hypervisor):
    assert hypervisor.define(GUEST.format("new")) == "new"
    assert hypervisor.state("new") == DomainState.SHUTOFF
    hypervisor.start("new", autodestroy=False)
    assert hypervisor.state("new") == DomainState.RUNNING
    assert "<name>new</name>" in hypervisor.xml("new")
    hypervisor.shutdown("new")
    assert hypervisor.state("new") == DomainState.SHUTOFF
    hypervisor.undefine("new")
    assert hypervisor.state("new") == DomainState.GONE


def test_a_transient_guest_is_gone_once_it_is_destroyed(hypervisor):
    name = hypervisor.create(GUEST.format("brief"), autodestroy=False)
    hypervisor.destroy(name)
    assert hypervisor.state("brief") == DomainState.GONE


def test_cleaning_up_what_is_gone_is_no_fault(hypervisor):
    hypervisor.destroy("never there")
    hypervisor.undefine("never there")
    hypervisor.destroy(NAME)
    hypervisor.destroy(NAME)


def test_a_missing_guest_is_named(hypervisor):
    with pytest.raises(GuestError, match=r"the guest ghost does not exist any more\n  fix: "):
        hypervisor.xml("ghost")


def test_broken_xml_is_refused_in_libvirts_words(hypervisor):
    with pytest.raises(HostError, match=r"libvirt refused: .*\n  fix: "):
        hypervisor.define("<domain/>")


def test_a_screen_is_a_picture(hypervisor):
    picture = hypervisor.screenshot(NAME)
    assert picture.mime == "image/png"
    assert picture.suffix == ".png"
    assert picture.data.startswith(b"\x89PNG")


def test_a_missing_network_is_made_and_started(hypervisor):
    assert not hypervisor.network_active("lab")
    hypervisor.start_network("lab", "192.168.150")
    assert hypervisor.network_active("lab")
    hypervisor.start_network("lab", "192.168.150")


def test_only_the_chosen_disk_gets_a_layer():
    xml = snapshot_xml("vda", Path("/layers/a&b.qcow2"), ["sda", "vda", "vdb"])
    assert '<source file="/layers/a&amp;b.qcow2" />' in xml
    assert xml.count('snapshot="external"') == 1
    assert xml.count('snapshot="no"') == 2


def test_a_snapshot_with_memory_names_its_file():
    root = ET.fromstring(
        snapshot_xml("vda", Path("/layers/a.qcow2"), ["vda", "vdb"], memory=Path("/aside/image"))
    )
    (memory,) = root.findall("memory")
    assert memory.attrib == {"snapshot": "external", "file": "/aside/image"}


def test_a_saved_guest_goes_on_with_other_files_and_for_another_build():
    saved = """<domain><name>same</name><description>build=old</description><devices>
      <disk><source file="/old/disk"/><backingStore type="file"/><target dev="vda"/></disk>
      <disk><source file="/old/seed"/><target dev="vdb"/></disk><disk><target dev="sda"/></disk>
      <serial type="pty"><log file="/old/log"/></serial><console type="pty"><log file="/old/log"/></console>
    </devices></domain>"""
    disks = {"vda": Path("/new/disk"), "vdb": Path("/new/seed")}
    root = ET.fromstring(moved(saved, disks=disks, console=Path("/new/log"), description="build=new"))
    assert [one.get("file") for one in root.iter("source")] == ["/new/disk", "/new/seed"]
    assert [one.get("file") for one in root.iter("log")] == ["/new/log", "/new/log"]
    assert root.findtext("description") == "build=new"
    assert root.findtext("name") == "same"
    assert not list(root.iter("backingStore"))


def test_disks_are_read_from_the_guests_xml():
    disk = "<disk type='file'><target dev='{}' bus='virtio'/></disk>"
    xml = f"<domain><devices>{disk.format('vda')}{disk.format('sda')}</devices></domain>"
    assert disks_of(xml) == ("vda", "sda")


def test_the_network_hands_out_addresses_of_its_subnet():
    assert 'start="192.168.150.2"' in network_xml("lab", "192.168.150")


DNSMASQ = {"d": "http://libvirt.org/schemas/network/dnsmasq/1.0"}


def test_two_guests_of_one_layer_get_two_addresses_although_they_say_that_they_are_one():
    (option,) = ET.fromstring(network_xml("lab", "192.168.150")).iterfind("./d:options/d:option", DNSMASQ)
    assert option.get("value") == "dhcp-ignore-clid"
    assert '<bridge stp="off" delay="0"' in network_xml("lab", "192.168.150")


@pytest.mark.parametrize(
    ("addresses", "usable"),
    [
        (["127.0.0.1", "fe80::1", "192.168.122.7"], "192.168.122.7"),
        (["169.254.3.4", "::1"], None),
        ([], None),
    ],
)
def test_only_an_address_that_others_reach_counts(addresses, usable):
    assert first_usable(addresses) == usable


def test_a_reset_that_is_told_several_times_is_one():
    resets = Resets()
    counts = []
    for now in (1.0, 1.01, 1.5, 30.0, 30.2, 60.0):
        resets.told(now)
        counts.append(resets.count)
    assert counts == [1, 1, 1, 2, 2, 3]


def test_the_file_below_an_overlay_keeps_its_owner():
    xml = """<domain><devices>
      <disk type="file"><source file="/run/x/boot.qcow2"/><target dev="vda"/></disk>
      <disk type="file"><source file="/run/x/drive.iso"/><target dev="vdb"/></disk>
    </devices></domain>"""
    said = with_untouched_backing(
        xml, disk=Path("/run/x/boot.qcow2"), backing=Path("/images/a.vhd"), driver="vpc"
    )
    disk, drive = ET.fromstring(said).iterfind("./devices/disk")
    assert drive.find("backingStore") is None
    assert disk.find("backingStore/format").get("type") == "vpc"
    assert disk.find("backingStore/source").get("file") == "/images/a.vhd"
    label = disk.find("backingStore/source/seclabel")
    assert (label.get("model"), label.get("relabel")) == ("dac", "no")
    assert disk.find("backingStore/backingStore") is not None, "nothing lies below it"


def test_a_guest_that_ends_while_it_is_asked_is_no_fault_of_the_host():
    message = "Unable to read from monitor: Connection reset by peer"
    error = libvirt.libvirtError("asked")
    error.err = (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_QEMU, message, 2, None, None, None, -1, -1)
    told = translated(error, "goldsmith-7")
    assert isinstance(told, GuestError)
    assert told.problem == f"the guest goldsmith-7 ended while it was asked: {message}"


OLDER = """
<network><name>goldsmith</name><forward mode="nat"/><bridge name="virbr7" stp="on" delay="0"/>
  <ip address="192.168.177.1" netmask="255.255.255.0"><dhcp>
    <range start="192.168.177.2" end="192.168.177.254"/></dhcp></ip></network>
"""
ON_IT = """
<domain type="test"><name>{name}</name><memory>1024</memory><os><type>hvm</type></os>
  <devices><interface type="network"><source network="{network}"/></interface></devices></domain>
"""


@pytest.mark.parametrize("guests", ["", ON_IT.format(name="a", network="default")])
def test_a_network_of_an_older_goldsmith_is_made_anew_with_its_subnet(tmp_path, guests):
    (tmp_path / "node.xml").write_text(f"<node>{OLDER}{guests}</node>")
    with connect(f"test://{tmp_path}/node.xml") as hypervisor:
        ensure_network(hypervisor)
        assert hypervisor.network_active("goldsmith")
        assert hypervisor.subnets() == {"192.168.177"}
        described = hypervisor._connection.networkLookupByName("goldsmith").XMLDesc(0)
        assert "stp='off'" in described
        assert "<lease expiry='10'" in described


def test_a_network_that_a_guest_is_on_is_left_as_it_is(tmp_path):
    (tmp_path / "node.xml").write_text(f"<node>{OLDER}{ON_IT.format(name='a', network='goldsmith')}</node>")
    with connect(f"test://{tmp_path}/node.xml") as hypervisor:
        ensure_network(hypervisor)
        assert hypervisor.network_active("goldsmith")
        assert "stp='on'" in hypervisor._connection.networkLookupByName("goldsmith").XMLDesc(0)
        hypervisor.destroy("a")
        ensure_network(hypervisor)
        assert "stp='off'" in hypervisor._connection.networkLookupByName("goldsmith").XMLDesc(0)


def test_a_picture_is_kept_as_png_whatever_the_hypervisor_makes():
    old = Screenshot.of(b"P6\n1 1\n255\n\x01\x02\x03", "image/x-portable-pixmap")
    assert (old.suffix, old.mime, old.data[:4]) == (".png", "image/png", b"\x89PNG")
    assert Screenshot.of(b"cut off", "image/x-portable-pixmap").suffix == ".ppm"
    assert Screenshot.of(b"BM", "image/bmp") == Screenshot(b"BM", "image/bmp")


def test_what_makes_a_network_an_older_one():
    today = network_xml("goldsmith", "192.168.150")
    assert not is_older_network(today)
    assert is_older_network(OLDER)
    for lost in ('stp="off"', '<lease expiry="10" unit="minutes" />', "dhcp-ignore-clid"):
        assert lost in today
        assert is_older_network(today.replace(lost, ""))


def test_networks_of_others_and_those_that_are_not_there_are_left_alone(tmp_path):
    (tmp_path / "node.xml").write_text(f"<node>{OLDER.replace('goldsmith', 'default')}</node>")
    with connect(f"test://{tmp_path}/node.xml") as hypervisor:
        assert not hypervisor.renew_network("goldsmith")
        ensure_network(hypervisor, "default")
        assert "stp='on'" in hypervisor._connection.networkLookupByName("default").XMLDesc(0)
