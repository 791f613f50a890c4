"""What an install that ended badly is told by: its console, its installer's log, what was long before."""

import pytest
from tests.guests.test_watch import LIMITS, hear, watch

from goldsmith.errors import GuestError, Mark
from goldsmith.events import PhaseStarted
from goldsmith.guests import anaconda
from goldsmith.guests.watch import OUTLIVED, UNKNOWN, InstallWatch, Limits

LOGGED = [
    ["10:22:31,990 ERR anaconda: Error code 3 running the kickstart script at line 61"],
    ["10:22:31,991 ERR anaconda: There was an error running the kickstart script at line 61.", "cp: no such"],
]


def logging(*errors, **more):
    return InstallWatch(anaconda.RHEL7, LIMITS, stage="install", now=0, errors=lambda: errors, **more)


def test_a_script_that_only_the_installers_log_tells_of_is_the_cause_of_a_silent_power_off():
    one = logging(
        *LOGGED, place_of=lambda line: Mark("own.ks.j2", line), script_of=lambda _: "%post", status_of=str
    )
    hear(one, "Running post-installation scripts", "[  700.1] reboot: Power down")
    with pytest.raises(
        GuestError, match=r"line 61 failed \(exit status 61\): %post \(in phase 'running %post'\)"
    ) as caught:
        one.powered_off()
    assert str(caught.value.at) == "own.ks.j2:61"
    assert caught.value.evidence[-3:] == ("[  700.1] reboot: Power down", *LOGGED[1])


def test_the_installers_log_is_asked_when_a_clock_runs_out_and_when_the_console_is_vague():
    one = logging(*LOGGED)
    hear(one, "Running post-installation scripts")
    with pytest.raises(GuestError, match="script at line 61 failed: the console has said nothing"):
        one.tick(30)
    one = logging(*LOGGED)
    hear(one, "Running in cmdline mode, no interactive debugging allowed.")
    with pytest.raises(GuestError, match="script at line 61 failed"):
        one.tick(5)


def test_the_installers_log_is_not_asked_where_the_console_names_the_cause_or_the_end():
    one = logging(*LOGGED)
    hear(one, "Missing package: nosuch")
    with pytest.raises(GuestError, match="package nosuch"):
        one.powered_off()
    one = logging(*LOGGED)
    hear(one, "GOLDSMITH-INSTALL-OK")
    one.powered_off()


def test_an_error_in_the_installers_log_that_ends_no_install_is_no_cause():
    one = logging(LOGGED[0], ["10:22:31,991 ERR anaconda: No match for argument: foo"])
    hear(one, "Running post-installation scripts")
    with pytest.raises(GuestError, match=UNKNOWN):
        one.powered_off()


PRE = ["10:22:31,990 INFO program: vgremove: command not found", LOGGED[0][0].replace("code 3", "code -9")]


def in_pre(*lines, script=PRE, **more):
    one = logging([PRE[1]], failed_script=lambda: script, **more)
    hear(one, "Running pre-installation scripts", *lines)
    return one


@pytest.mark.parametrize(
    "ends", [[], ["Pane is dead"], ["Traceback (most recent call last):", "TypeError: exc"]]
)
def test_a_pre_script_that_ends_the_install_is_named_by_the_installers_log(ends):
    one = in_pre(*ends, "[  21.3] Power down.", place_of=lambda line: Mark("own.ks.j2", line))
    with pytest.raises(
        GuestError, match=r"^own\.ks\.j2:61: the kickstart script at line 61 ended with exit"
    ) as caught:
        one.powered_off()
    assert "exit status -9 (in" in caught.value.problem
    assert caught.value.evidence[-2:] == tuple(PRE)


def test_no_clock_is_waited_for_where_the_installer_says_that_a_pre_script_has_ended_it():
    one = in_pre("Traceback (most recent call last):", "    raise exn", "pyanaconda.errors.ScriptError")
    with pytest.raises(
        GuestError, match=r"script at line 61 ended with exit status -9 \(in phase 'running %pre'"
    ):
        one.tick(5)


def test_a_pre_script_that_was_gone_on_after_is_no_cause():
    with pytest.raises(GuestError, match=UNKNOWN):
        in_pre(script=[]).powered_off()
    with pytest.raises(GuestError, match=UNKNOWN):
        in_pre("Starting automated install..").powered_off()
    with pytest.raises(GuestError, match="the installer sees no disk"):
        in_pre("No usable disks selected").powered_off()


def test_a_line_that_grows_is_no_silence_and_tells_the_phase():
    one = watch(limits=Limits(total=100, silence=5, phase=90))
    hear(one, "Running pre-installation scripts")
    told = [
        event for now in range(2, 40) for event in one.prompt("Starting automated install" + "." * now, now)
    ]
    assert told == [PhaseStarted("install", "reading the kickstart")]
    one.tick(40)
    with pytest.raises(
        GuestError, match=r"the console has said nothing for 5 s \(phase 'reading the kickstart'"
    ):
        one.tick(45)


def test_a_line_that_grows_takes_nothing_from_what_a_failure_is_told_by():
    one = watch(limits=Limits(total=1000, silence=50, phase=900))
    hear(one, "The installation was stopped due to an error", "The exact error message is:", "no medium")
    for dots in range(100):
        one.prompt("." * dots, 2)
    with pytest.raises(GuestError, match="stopped due to an error: no medium"):
        one.tick(5)


def test_bytes_that_make_no_new_text_are_no_silence():
    one = watch(limits=Limits(total=100, silence=5, phase=90))
    for now in range(1, 40):
        one.heard(now, now)
        one.prompt("|", now)
        one.tick(now)
    one.heard(39, 50)
    with pytest.raises(GuestError, match="the console has said nothing for 5 s"):
        one.tick(50)


def test_the_line_that_the_guest_waits_at_is_the_last_of_the_evidence():
    one = watch()
    hear(one, "Running post-installation scripts")
    one.prompt("Do you accept the licence? [y/N] ", 2)
    with pytest.raises(GuestError) as caught:
        one.tick(30)
    assert caught.value.evidence == ("Running post-installation scripts", "Do you accept the licence? [y/N] ")
    one.prompt("", 3)
    assert one.evidence() == ["Running post-installation scripts"]


EARLY = [
    "dracut-initqueue[291]: Warning: dracut-initqueue timeout - starting timeout scripts",
    "ping: ntp.corp.example: Name or service not known",
    "[   3.2] INFO: task kworker/0:1 blocked for more than 120 seconds.",
]
PHASES = [
    "Starting installer, one moment...",
    "Running pre-installation scripts",
    "Starting automated install",
]


@pytest.mark.parametrize("line", EARLY)
def test_what_was_waited_for_long_ago_is_evidence_and_no_cause(line):
    one = watch()
    hear(one, "Linux version 3.10", line, *PHASES, *(f"line {number}" for number in range(30)))
    with pytest.raises(GuestError, match=OUTLIVED) as caught:
        one.powered_off()
    assert (caught.value.evidence[0], len(caught.value.evidence)) == (line, 20)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (EARLY[1], "a host name could not be looked up: ntp.corp.example"),
        (EARLY[2], "kworker/0:1 waited for the disk"),
        ("Name or service not known", r"a host name could not be looked up \("),
    ],
)
def test_what_was_waited_for_in_the_phase_before_may_be_the_cause(line, cause):
    one = watch()
    hear(one, "Running post-installation scripts", line, "GOLDSMITH-STEP updating", "[  7.1] Power down.")
    with pytest.raises(GuestError, match=f"^{cause}"):
        one.powered_off()


def test_a_device_that_was_waited_for_appeared_where_the_installer_starts():
    one = watch()
    hear(one, "Linux version 3.10", EARLY[0])
    with pytest.raises(GuestError, match="the early boot waits for a device"):
        one.tick(30)
    hear(one, PHASES[0], now=30)
    with pytest.raises(GuestError, match=OUTLIVED):
        one.tick(60)


SPACE = "Not enough space in file systems for the current software selection. An additional 9 MiB is needed."


def test_a_disk_that_is_estimated_to_be_too_small_is_the_cause_only_where_the_install_fails():
    one = watch()
    hear(one, "Checking storage configuration...", SPACE, "Creating xfs on /dev/vda1")
    hear(
        one, "Starting package installation", *(f"Installing p{number} ({number}/99)" for number in range(99))
    )
    one.tick(5)
    assert not one.failed
    with pytest.raises(GuestError, match=r"disk is too small .*: by an estimate 9 MiB more is needed"):
        one.powered_off()


def test_a_later_cause_that_is_vague_is_not_kept_out_by_one_that_is_over():
    one = watch()
    hear(one, EARLY[1], *PHASES, "Traceback (most recent call last):", "ImportError: No module named foo")
    with pytest.raises(GuestError, match="a Python program of the installer crashed: ImportError"):
        one.powered_off()
