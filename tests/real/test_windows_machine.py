"""The machine for Windows on this host's libvirt and QEMU, with nothing to boot in it."""

import shutil
import tempfile
import time
from pathlib import Path

import pytest

from goldsmith.artifact import qemuimg
from goldsmith.errors import GuestError
from goldsmith.guests import machine as machines
from goldsmith.guests.machine import Machine
from goldsmith.guests.watch import Limits
from goldsmith.guests.windows import FAMILY
from goldsmith.guests.windows_session import powered
from goldsmith.guests.windows_watch import WindowsWatch
from goldsmith.host.hypervisor import DomainState, connect
from goldsmith.host.process import LocalHost
from goldsmith.host.retry import until
from goldsmith.stages.windows_follow import Following
from goldsmith.stages.windows_screens import Screens

pytestmark = pytest.mark.real
CONTROL, ALT, DELETE = 29, 56, 111
NAME = "goldsmith-test-windows-machine"


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="goldsmith-test-", dir="/var/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def made(folder, firmware):
    """Return a machine with an empty disk and empty discs, and its XML."""
    host, disk, disc = LocalHost(), folder / "disk.qcow2", folder / "empty.iso"
    qemuimg.create(host, disk, 1 << 30)
    disc.write_bytes(bytes(1 << 20))
    machine = Machine(
        name=NAME, uri="qemu:///system", description="a test", virt_type="qemu", memory=512 << 20, vcpus=1,
        osinfo="detect=off,require=off", machine_type="q35", firmware=firmware, disk=disk, bus="virtio",
        network="user", console=folder / "console.log",
    )  # fmt: skip
    return machine, host.run(*machines.windows(machine, discs=(disc, disc, disc))).stdout


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_machine_starts_shows_its_screen_tells_its_resets_and_leaves_nothing(folder, firmware):
    machine, xml = made(folder, firmware)
    with connect("qemu:///system") as hypervisor:
        with powered(hypervisor, xml, machine, boot_timeout=60, on_console=lambda _line: None) as session:
            assert hypervisor.state(NAME) is DomainState.RUNNING
            assert hypervisor.disk_counters(NAME, "sda")[1] == 0
            picture = Screens(hypervisor, NAME, folder / "screens", "install").take("start")
            assert picture is not None
            assert picture.stat().st_size > 100

            def was_reset() -> bool | None:
                hypervisor.press(NAME, CONTROL, ALT, DELETE)
                return session.resets() > 0 or None

            until(was_reset, what="reset", deadline=60, every=2)
            assert hypervisor.state(NAME) is DomainState.RUNNING
        assert hypervisor.state(NAME) is DomainState.GONE
    assert not list(Path("/var/lib/libvirt/qemu/nvram").glob(f"{NAME}*"))


def test_an_install_whose_medium_does_not_boot_is_told_by_what_its_firmware_says(folder):
    machine, xml = made(folder, "uefi")
    limits = Limits(total=300, silence=300, phase=300)
    watch = WindowsWatch(FAMILY.console, limits, stage="install", now=time.monotonic())

    def heard(line: str) -> None:
        list(watch.line(line, time.monotonic()))

    with (
        connect("qemu:///system") as hypervisor,
        powered(hypervisor, xml, machine, boot_timeout=60, on_console=heard) as session,
        pytest.raises(GuestError, match=r"ended in the UEFI shell|found nothing to boot") as told,
    ):
        Following(session, watch, folder, tell=lambda _event: None, look=lambda: None).to_the_end()
    assert "BdsDxe" in "".join(told.value.evidence)
