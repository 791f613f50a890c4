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


def test_vnc_is_never_open_to_the_network():
    for argv in (machines.common(machine()), machines.boot(machine(), seed=None)):
        assert value(argv, "--graphics") == "vnc,listen=127.0.0.1"


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


@pytest.mark.parametrize(("kind", "bus"), [("q35", "pcie.0"), ("pc", "pci.0")])
def test_a_user_network_forwards_a_port_of_loopback_alone(kind, bus):
    argv = machines.common(machine(network="user", ssh_port=2222, machine_type=kind))
    assert value(argv, "--network") == "none"
    (passed,) = [word for word in argv if word.startswith("--qemu-commandline")]
    assert "hostfwd=tcp:127.0.0.1:2222-:22" in passed
    assert f"bus={bus}," in passed


def test_uefi_is_asked_for_by_name():
    assert value(machines.common(machine(firmware="uefi")), "--boot") == "uefi"
