"""An install of Windows, as its disk, its resets and the lines on COM1 tell it."""

import pytest

from goldsmith.errors import GuestError
from goldsmith.events import PhaseStarted
from goldsmith.guests.watch import Limits
from goldsmith.guests.windows import FAMILY
from goldsmith.guests.windows_watch import WindowsWatch

LIMITS = Limits(total=1000, silence=100, phase=500)


@pytest.fixture
def watch():
    return WindowsWatch(FAMILY.console, LIMITS, stage="install", now=0)


def hear(watch, *lines, now=1.0):
    return [event for line in lines for event in watch.line(line, now)]


def test_the_scripts_name_the_phases(watch):
    assert hear(watch, "GOLDSMITH-PHASE installing drivers") == [
        PhaseStarted("install", "installing drivers")
    ]
    assert watch.phase == "installing drivers"


def test_several_reboots_are_normal_and_told(watch):
    assert list(watch.booted(0, 1)) == []
    assert list(watch.booted(1, 2)) == [PhaseStarted("install", "Windows Setup, boot 2")]
    assert list(watch.booted(2, 3)) == [PhaseStarted("install", "Windows Setup, boot 3")]
    hear(watch, "GOLDSMITH-PHASE installing drivers")
    assert list(watch.booted(3, 4)) == []


def test_a_power_off_is_good_only_after_the_scripts_have_ended(watch):
    with pytest.raises(GuestError, match="powered off in phase 'Windows Setup', boot 1, before its scripts"):
        watch.powered_off()
    hear(watch, "GOLDSMITH-INSTALL-OK")
    watch.powered_off()


def test_a_power_off_after_a_failure_is_that_failure(watch):
    hear(watch, "GOLDSMITH-PHASE installing drivers", "GOLDSMITH-FAILED installing viostor exit 1603")
    with pytest.raises(
        GuestError, match=r"installing viostor ended with exit status 1603 \(in phase 'installing"
    ):
        watch.powered_off()


def test_a_failure_ends_the_install_when_the_scripts_do_not_power_off(watch):
    hear(watch, "GOLDSMITH-FAILED finding the media exit 2", now=10)
    watch.tick(11)
    with pytest.raises(GuestError, match="finding the media ended with exit status 2"):
        watch.tick(14)


def test_a_guest_that_writes_to_its_disk_is_not_stuck(watch):
    for now in range(0, 400, 50):
        watch.wrote(now * 10_000, now)
        watch.tick(now)


def test_a_guest_that_writes_nothing_is_stuck_and_its_screen_is_named(watch):
    watch.wrote(1 << 20, 10)
    watch.wrote((1 << 20) + 512, 50)
    with pytest.raises(GuestError, match=r"has written nothing to its disk for .*boot 1") as error:
        watch.tick(111)
    assert "screenshot" in error.value.fix


def test_an_install_has_a_time_limit_whatever_it_does(watch):
    for now in range(0, 500, 50):
        watch.wrote(now * 10_000, now)
        hear(watch, "something", now=now)
    with pytest.raises(GuestError, match="the phase 'Windows Setup' has not ended"):
        watch.tick(501)


def test_a_setup_that_has_not_come_to_the_disk_is_told_what_it_may_ask_for(watch):
    with pytest.raises(GuestError) as early:
        watch.tick(1000)
    assert "it asks for a key, an image, a language or the disk's driver" in early.value.fix


def test_a_setup_that_stops_later_is_not(watch):
    watch.wrote(1 << 30, 1)
    with pytest.raises(GuestError) as late:
        watch.tick(1000)
    assert "what it waits for, such as a question of Setup" in late.value.fix


KEY = "Press any key to boot from CD or DVD....."


def stuck(watch, now=1000):
    with pytest.raises(GuestError) as caught:
        watch.tick(now)
    return caught.value


def test_a_medium_that_waits_for_a_key_is_named_when_a_clock_runs_out(watch):
    watch.prompt(KEY, 1)
    watch.tick(99)
    error = stuck(watch)
    assert error.problem.startswith(
        "the Windows medium waited for a key before it boots, and none came: "
        "the guest has written nothing to its disk for 1 min 40 s (phase 'Windows Setup', boot 1"
    )
    assert error.evidence == (KEY,)


@pytest.mark.parametrize(
    "goes_on",
    [
        WindowsWatch.loaded,
        lambda watch: watch.wrote(1 << 30, 1),
    ],
    ids=["loaded", "wrote"],
)
def test_an_answered_prompt_is_no_cause_later_nor_is_another_one(watch, goes_on):
    watch.prompt(KEY, 1)
    goes_on(watch)
    watch.prompt(f"{KEY}.", 2)
    hear(watch, KEY, now=3)
    error = stuck(watch)
    assert error.problem.startswith("the guest has written nothing to its disk")
    assert error.problem.endswith("cause unknown: nothing that is known as a failure was on the console")


def test_a_shell_after_setup_was_loaded_is_no_matter_of_a_key(watch):
    watch.loaded()
    hear(watch, KEY, "UEFI Interactive Shell v2.2")
    with pytest.raises(GuestError, match="ended in the UEFI shell"):
        watch.tick(5)


def test_the_shell_is_named_at_once_without_a_line_end(watch):
    watch.prompt("Shell> ", 1)
    watch.tick(2)
    assert stuck(watch, 5).problem == (
        "the firmware found no boot loader and ended in the UEFI shell (in phase 'Windows Setup')"
    )


def test_firmware_that_refuses_the_shell_too_is_told_at_once_by_the_key_that_did_not_come(watch):
    hear(watch, KEY, "BdsDxe: No bootable option or device was found.")
    with pytest.raises(GuestError, match=r"and none came \(in phase"):
        watch.tick(5)


def test_an_empty_disk_that_is_tried_before_the_medium_is_no_failure(watch):
    hear(watch, "Booting from Hard Disk...", "Boot failed: not a bootable disk", "Booting from DVD/CD...")
    assert "cause unknown" in stuck(watch).problem


def test_what_an_earlier_boot_waited_for_is_no_cause_of_a_later_one(watch):
    hear(watch, KEY)
    list(watch.booted(1, 2))
    assert "waited for a key" not in stuck(watch).problem


def test_a_guest_that_powers_off_where_it_waited_is_told_so(watch):
    hear(watch, KEY)
    with pytest.raises(GuestError, match="waited for a key before it boots"):
        watch.powered_off()


def test_a_disk_neither_read_nor_written_is_a_clock_of_its_own():
    watch = WindowsWatch(
        FAMILY.console, Limits(total=1000, silence=900, phase=900, disk=50), stage="install", now=0
    )
    watch.moved(1, 40)
    hear(watch, "GOLDSMITH-PROGRESS 5", now=85)
    watch.tick(90)
    with pytest.raises(GuestError, match="has neither read nor written its disk for 50 s"):
        watch.tick(91)
