"""A Windows install as it is followed, of a machine that is played."""

import time
from pathlib import Path

import pytest

from goldsmith.errors import GuestError
from goldsmith.guests.console import ConsoleFile
from goldsmith.guests.machine import Machine
from goldsmith.guests.watch import Limits
from goldsmith.guests.windows import FAMILY
from goldsmith.guests.windows_session import WindowsSession
from goldsmith.guests.windows_watch import WindowsWatch
from goldsmith.host.hypervisor import DomainState
from goldsmith.stages.windows_follow import LOADED, Following

KEY = "BdsDxe: starting Boot0002\nPress any key to boot from CD or DVD....."


class Played:
    """A hypervisor with one guest, which has read ``from_disc`` bytes of its medium once a key was pressed."""

    def __init__(self, *, from_disc=0, disk=(0, 0), looks=None):
        self.from_disc, self.disk, self.looks = from_disc, disk, looks
        self.pressed = 0

    def state(self, name):
        if self.looks is not None:
            self.looks -= 1
            if self.looks < 0:
                return DomainState.SHUTOFF
        return DomainState.RUNNING

    def disk_counters(self, name, disk):
        if disk == "vda":
            return self.disk
        if self.from_disc is None:
            raise GuestError("no such disc")
        return (self.from_disc if self.pressed else 0), 0

    def press(self, name, key):
        self.pressed += 1


@pytest.fixture
def follow(tmp_path):
    def run(played, said, *, firmware="uefi", **limits):
        machine = Machine(
            name="w", uri="", description="", virt_type="", memory=0, vcpus=1, osinfo="", machine_type="q35",
            firmware=firmware, disk=Path(), bus="virtio", network="user", console=tmp_path / "console",
        )  # fmt: skip
        machine.console.write_text(said)
        given = Limits(**{"total": 60, "silence": 50, "phase": 50, **limits})
        watch = WindowsWatch(FAMILY.console, given, stage="install", now=time.monotonic())
        session = WindowsSession(
            hypervisor=played,
            machine=machine,
            console=ConsoleFile(machine.console),
            on_console=lambda line: list(watch.line(line, time.monotonic())),
            boot_timeout=5,
            resets=lambda: 0,
        )
        Following(
            session, watch, tmp_path, tell=lambda event: None, look=lambda: None, every=0.01
        ).to_the_end()

    return run


def test_a_medium_whose_question_has_no_line_end_is_named_when_it_goes_on_waiting(follow):
    played = Played()
    with pytest.raises(GuestError, match="waited for a key before it boots, and none came") as caught:
        follow(played, KEY, silence=0.3)
    assert caught.value.evidence[-1] == "Press any key to boot from CD or DVD....."
    assert played.pressed > 1


def test_a_setup_that_is_loaded_gets_no_more_keys_and_is_not_said_to_wait_for_one(follow):
    played = Played(from_disc=LOADED)
    with pytest.raises(GuestError, match="written nothing to its disk") as caught:
        follow(played, KEY, silence=0.3)
    assert "waited for a key" not in caught.value.problem
    assert played.pressed == 1


def test_a_bios_gets_no_key(follow):
    played = Played()
    with pytest.raises(GuestError):
        follow(played, "", firmware="bios", silence=0.1)
    assert played.pressed == 0


def test_the_clock_of_the_disk_is_asked(follow):
    with pytest.raises(GuestError, match="neither read nor written its disk"):
        follow(Played(disk=(5, 5), from_disc=None), "", disk=0.2)


def test_a_good_install_ends_well(follow):
    follow(Played(disk=(1 << 30, 1 << 30), from_disc=LOADED, looks=9), f"{KEY}\nGOLDSMITH-INSTALL-OK\n")
