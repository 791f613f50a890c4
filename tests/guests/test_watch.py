import pytest

from goldsmith.errors import GuestError
from goldsmith.events import PhaseStarted, Progress
from goldsmith.guests import anaconda
from goldsmith.guests.watch import InstallWatch, Limits

LIMITS = Limits(total=100, silence=20, phase=50)
IDLE = Limits(total=100, silence=90, phase=80, disk=15)


def watch(console=anaconda.RHEL7, limits=LIMITS):
    return InstallWatch(console, limits, stage="install", now=0)


def hear(one, *lines, now=1.0):
    return [event for line in lines for event in one.line(line, now)]


def test_the_phases_are_told_once_and_in_order():
    one = watch()
    told = hear(
        one,
        "Linux version 6.1",
        "Running pre-installation scripts .",
        "Creating ext4 on /dev/vda1",
        "Linux version 6.1 again",
        "Running post-installation scripts",
    )
    names = [event.phase for event in told if isinstance(event, PhaseStarted)]
    assert names == ["booting the installer", "running %pre", "creating file systems", "running %post"]


def test_progress_is_read_from_the_console():
    assert hear(watch(), "Installing bash (17/289)") == [Progress("install", 17, 289, "packages")]


def test_the_marker_and_a_power_off_are_a_success():
    one = watch()
    hear(one, "GOLDSMITH-INSTALL-OK", "Power down.")
    one.powered_off()


@pytest.mark.parametrize(
    "lines",
    [
        ["GOLDSMITH-INSTALL-OK[  500.123456] audit: type=1400 audit(1.2:3): avc: denied"],
        ["GOLDSMITH-INSTALL-OK[  500.1][  T312] EXT4-fs (vda1): unmounting", "[  501.0] reboot: Power down"],
        ["[  500.1] sd 0:0:0:0: [sda] Synchronizing GOLDSMITH-INSTALL-OK"],
        ["[  500.1] audit: type=1400GOLDSMITH-INSTALL-OK[  500.2] audit: type=1300"],
        ["\ttmux GOLDSMITH-INSTALL-OK[  500.1] audit: type=1400"],
        ["GOLDSMITH-INS[  500.1] audit: type=1400", "TALL-OK"],
        [
            "GOLDSMITH-INS[  500.1] audit: type=1400",
            "[  500.2] audit: type=1300",
            "TALL-OK[  500.3] audit: x",
        ],
        ["GOLDSMITH-INSTALL-OKsd 0:0:0:0: [sda] Synchronizing SCSI cache"],  # RHEL 6 tells no time
        ["GOLDSMITH-INSTALL-OKtype=1400 audit(1.2:3): avc:  denied"],
        ["storag[  499.9] audit: type=1400", "GOLDSMITH-INSTALL-OK"],
    ],
)
def test_a_marker_that_shares_its_line_with_the_kernel_is_found(lines):
    one = watch()
    hear(one, *lines)
    assert one.done
    one.powered_off()


@pytest.mark.parametrize(
    "line",
    [
        "when all is done GOLDSMITH-INSTALL-OK is written",
        "echo GOLDSMITH-INSTALL-OK > /dev/ttyS0",
        "GOLDSMITH-INSTALL-OK-NOT",
        "GOLDSMITH-INSTALL-OK [1.5 of 3] packages",
        "[  500.1] audit: exe=/bin/echo a0=GOLDSMITH-INSTALL-OK success=yes",
        "GOLDSMITH-INS",
        "TALL-OK",
    ],
)
def test_a_text_that_only_holds_the_marker_is_no_success(line):
    one = watch()
    hear(one, line)
    assert not one.done


def test_a_power_off_alone_is_no_success():
    one = watch()
    hear(one, "Running post-installation scripts", "Power down.")
    with pytest.raises(GuestError, match="powered off in phase 'powering off' without reaching the end"):
        one.powered_off()


def test_a_power_off_after_a_failure_names_the_failure_even_with_the_marker():
    one = watch()
    hear(one, "GOLDSMITH-INSTALL-OK", "Missing package: nosuch")
    with pytest.raises(GuestError, match="package nosuch is not on the medium"):
        one.powered_off()


def test_a_failure_ends_the_install_a_moment_later_with_what_the_console_said_after_it():
    one = watch()
    hear(
        one,
        "The following problem occurred on line 12 of the kickstart file:",
        "Unknown command: bogus",
        now=1,
    )
    one.tick(2)
    with pytest.raises(GuestError, match="does not accept line 12") as caught:
        one.tick(5)
    assert "Unknown command: bogus" in caught.value.evidence


@pytest.mark.parametrize(
    ("quiet_from", "now", "told"),
    [
        (0, 21, "the console has said nothing for 20 s"),
        (40, 51, "the phase 'starting the machine' has not ended for 50 s"),
    ],
)
def test_a_clock_that_runs_out_is_named_with_the_phase(quiet_from, now, told):
    one = watch()
    hear(one, "hello", now=quiet_from)
    with pytest.raises(GuestError, match=told):
        one.tick(now)


def test_the_total_time_counts_though_phases_go_on():
    one = watch(limits=Limits(total=30, silence=20, phase=20))
    hear(one, "Linux version 6", now=15)
    hear(one, "Running pre-installation scripts", now=25)
    with pytest.raises(GuestError, match="the install has not ended for 30 s"):
        one.tick(31)


@pytest.mark.parametrize(
    "line",
    [
        "Command line mode requires all choices to be specified in a kickstart configuration file.",
        "Can't have a question in command line mode!",
        "install exited abnormally [1/1]",
        "Kernel panic - not syncing: VFS: Unable to mount root fs",
    ],
)
def test_rhel_6_failures_are_known(line):
    one = watch(anaconda.RHEL6)
    hear(one, line)
    assert one.failed


def test_lines_of_a_good_install_are_no_failures():
    one = watch()
    hear(
        one,
        "error: no such device, trying the next",
        "Checking storage configuration...",
        "GOLDSMITH-INSTALL-OK",
    )
    assert not one.failed


def test_a_vague_failure_gives_way_to_the_line_that_names_the_cause():
    one = watch()
    hear(
        one,
        "Running in cmdline mode, no interactive debugging allowed.",
        "There was an error running the kickstart script at line 28.  This is a fatal error.",
        "broken by design.",
        "Running in cmdline mode, no interactive debugging allowed.",
    )
    with pytest.raises(GuestError, match="the kickstart script at line 28 failed") as caught:
        one.tick(5)
    assert "broken by design." in caught.value.evidence


def test_a_script_that_failed_is_named_by_its_head():
    one = InstallWatch(
        anaconda.RHEL7, LIMITS, stage="install", now=0, script_of=lambda line: f"%post --log=/{line}"
    )
    hear(one, "There was an error running the kickstart script at line 61.  This is a fatal error and")
    with pytest.raises(GuestError, match=r"line 61 failed: %post --log=/61 \(in phase"):
        one.tick(5)


def test_the_exit_status_of_a_script_is_told_where_only_another_log_has_it():
    one = InstallWatch(anaconda.RHEL7, LIMITS, stage="install", now=0, status_of=lambda line: f"{line + 1}")
    hear(one, "There was an error running the kickstart script at line 61.  This is a fatal error and")
    with pytest.raises(GuestError, match=r"line 61 failed \(exit status 62\) \(in phase"):
        one.tick(5)


def test_a_script_that_may_fail_fails_no_install():
    one = watch()
    hear(one, "Error code 3 running the kickstart script at line 61", "GOLDSMITH-INSTALL-OK")
    one.tick(5)
    one.powered_off()


def test_an_installer_that_talks_but_leaves_its_disk_alone_is_given_up():
    one = watch(limits=IDLE)
    for now in range(1, 16):
        hear(one, "In interactive step", now=now)
        one.moved(4096, now=1)
        one.tick(now)
    with pytest.raises(
        GuestError, match="the guest has neither read nor written its disk for 15 s"
    ) as caught:
        one.tick(17)
    assert caught.value.evidence


def test_a_disk_that_moves_resets_its_clock():
    one = watch(limits=IDLE)
    for now in range(1, 60):
        one.moved(now * 512, now)
        one.tick(now)


def test_limits_of_a_slower_host_are_longer():
    assert IDLE.times(2) == Limits(total=200, silence=180, phase=160, disk=30)
