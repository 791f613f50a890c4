import ipaddress
import re
from itertools import pairwise
from pathlib import Path

import pytest

from goldsmith.guests import machine as machines
from goldsmith.guests.machine import Machine


def machine(**changes):
    facts = {
        "name": "goldsmith-x-install",
        "uri": "qemu:///system",
        "description": "goldsmith build=x state=/s",
        "virt_type": "qemu",
        "memory": 2 << 30,
        "vcpus": 2,
        "osinfo": "name=rhel7.9",
        "machine_type": "q35",
        "firmware": "bios",
        "disk": Path("/s/disk.qcow2"),
        "bus": "virtio",
        "network": "network=default",
        "console": Path("/s/console.log"),
    }
    return Machine(**{**facts, **changes})


def value(argv, option):
    return argv[argv.index(option) + 1]


def test_an_install_boots_the_medium_with_the_kickstart_inside_and_stays_off_afterwards():
    argv = machines.install(
        machine(),
        media="/m.iso",
        kickstart=Path("/private/ks.cfg"),
        boot_arguments=("inst.ks=file:/ks.cfg", "a=b"),
    )
    assert value(argv, "--location") == "/m.iso"
    assert value(argv, "--initrd-inject") == "/private/ks.cfg"
    assert value(argv, "--extra-args") == "inst.ks=file:/ks.cfg a=b"
    assert "--noreboot" in argv
    assert "--wait" not in argv


def test_vnc_is_never_open_to_the_network_nor_to_other_users():
    for argv in (machines.common(machine()), machines.boot(machine(), seed=None)):
        assert value(argv, "--graphics") == "vnc,listen=socket"


def test_without_kvm_the_machine_is_emulated_with_all_that_qemu_can():
    argv = machines.common(machine())
    assert (value(argv, "--virt-type"), value(argv, "--cpu")) == ("qemu", "mode=maximum")
    assert value(machines.common(machine(virt_type="kvm")), "--cpu").startswith("host-passthrough")


def test_the_domain_says_whose_it_is():
    assert value(machines.common(machine()), "--metadata") == "description=goldsmith build=x state=/s"


def test_a_seed_is_a_virtio_disk_because_cloud_kernels_see_no_sata_cd():
    argv = machines.boot(machine(), seed=Path("/s/seed.iso"))
    assert "path=/s/seed.iso,format=raw,bus=virtio,readonly=on" in argv
    assert "--print-xml" in argv


def test_a_scsi_disk_hangs_on_virtio_scsi():
    argv = machines.boot(machine(bus="scsi"), seed=None)
    assert value(argv, "--controller") == "type=scsi,model=virtio-scsi"
    assert "--controller" not in machines.boot(machine(), seed=None)


def test_machines_on_goldsmiths_own_network_cannot_see_each_other():
    apart = value(machines.common(machine(network="network=goldsmith")), "--network")
    assert apart.endswith(",xpath0.set=./port/@isolated,xpath0.value=yes")
    for network in ("network=default", "bridge=br0"):  # whose these are knows what is on them
        assert "isolated" not in value(machines.common(machine(network=network)), "--network")


@pytest.mark.parametrize("nic", ["e1000", "rtl8139"])
def test_another_card_than_virtio_is_named(nic):
    assert value(machines.common(machine(nic=nic)), "--network").endswith(f",model={nic}")
    passed = " ".join(machines.common(machine(nic=nic, network="user", ssh_port=2222)))
    assert f"-device {nic},netdev=n0" in passed


@pytest.mark.parametrize(("kind", "bus"), [("q35", "pcie.0"), ("pc", "pci.0")])
def test_a_user_network_forwards_a_port_of_loopback_alone(kind, bus):
    argv = machines.common(machine(network="user", ssh_port=2222, machine_type=kind))
    assert value(argv, "--network") == "none"
    (passed,) = [word for word in argv if word.startswith("--qemu-commandline")]
    assert "hostfwd=tcp:127.0.0.1:2222-:22" in passed
    assert f"bus={bus}," in passed


def test_a_guest_with_the_metadata_service_reaches_nothing_else():
    argv = machines.common(
        machine(network="user", ssh_port=2222, metadata_port=4444, mac="fa:16:3e:01:02:03")
    )
    (passed,) = [word for word in argv if word.startswith("--qemu-commandline")]
    assert "guestfwd=tcp:169.254.169.254:80-tcp:127.0.0.1:4444" in passed
    assert ",restrict=on," in passed
    assert "hostfwd=tcp:127.0.0.1:2222-:22" in passed
    assert passed.endswith(",mac=fa:16:3e:01:02:03")
    network = ipaddress.ip_network(re.search(r"net=([\d./]+)", passed)[1])
    assert ipaddress.ip_address("169.254.169.254") in network, "QEMU forwards addresses of this network alone"
    first = ipaddress.ip_address(re.search(r"dhcpstart=([\d.]+)", passed)[1])
    assert first in network
    assert first.is_private


def test_an_instance_shows_itself_as_nova_makes_it():
    argv = machines.common(machine(instance="11111111-2222-3333-4444-555555555555"))
    assert value(argv, "--uuid") == "11111111-2222-3333-4444-555555555555"
    shown = value(argv, "--sysinfo")
    assert "system.product=OpenStack Nova," in shown
    assert shown.endswith("system.uuid=11111111-2222-3333-4444-555555555555")
    assert "--sysinfo" not in machines.common(machine())


def test_uefi_is_asked_for_by_name():
    assert value(machines.common(machine(firmware="uefi")), "--boot") == "uefi"


DISCS = (Path("/m/win.iso"), Path("/m/virtio.iso"), Path("/m/answers.iso"))


def values(argv, option):
    return [after for word, after in pairwise(argv) if word == option]


def test_windows_boots_from_its_disk_first_and_from_its_disc_while_the_disk_is_empty():
    argv = machines.windows(machine(), discs=DISCS)
    disk, *discs = values(argv, "--disk")
    assert disk.endswith("bus=virtio,cache=unsafe,discard=unmap,boot.order=1")
    assert discs[0] == "path=/m/win.iso,device=cdrom,bus=sata,readonly=on,boot.order=2"
    assert [one.partition(",")[2] for one in discs[1:]] == ["device=cdrom,bus=sata,readonly=on"] * 2
    assert value(argv, "--events").startswith("on_reboot=restart")
    assert {"--import", "--print-xml"} <= set(argv)
    assert "--location" not in argv


def test_windows_sees_its_clock_in_local_time_and_drivers_for_both_kinds_of_disks():
    argv = machines.windows(machine(), discs=())
    assert value(argv, "--clock").startswith("offset=localtime,")
    assert value(argv, "--controller") == "type=scsi,model=virtio-scsi"
    assert "hyperv.relaxed.state=on" in value(argv, "--features")


def test_enlightenments_that_qemu_refuses_without_kvm_are_for_kvm_alone():
    assert "synic" not in " ".join(machines.windows(machine(), discs=()))
    argv = machines.windows(machine(virt_type="kvm"), discs=())
    assert "hyperv.synic.state=on" in value(argv, "--features")
    assert "./features/hyperv/vpindex/@state=on" in values(argv, "--xml")


def test_windows_has_no_tpm_and_no_secure_boot_unless_it_is_asked_for():
    assert value(machines.windows(machine(), discs=()), "--tpm") == "none"
    assert "--boot" not in machines.windows(machine(), discs=())
    assert value(machines.windows(machine(firmware="uefi"), discs=()), "--boot") == "uefi"
    argv = machines.windows(machine(firmware="uefi"), discs=(), tpm=True, secure_boot=True)
    assert "model=tpm-crb" in value(argv, "--tpm")
    assert "firmware.feature0.name=secure-boot" in value(argv, "--boot")
    assert "smm.state=on" in values(argv, "--features")
