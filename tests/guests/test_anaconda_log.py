"""What is read in the log that the installer sends."""

import pytest

from goldsmith.guests.anaconda_log import OUTPUT, errors, failed_script, script_status


def test_the_exit_status_of_a_script_is_in_the_log_that_the_installer_sends(tmp_path):
    log = tmp_path / "anaconda.log"
    assert script_status(log, 61) == ""
    log.write_text(
        "10:22:31,991 ERR anaconda: Error code 1 running the kickstart script at line 6\n"
        "10:22:35,112 ERR anaconda: Error code -9 running the kickstart script at line 61\n"
    )
    assert (script_status(log, 61), script_status(log, 6), script_status(log, 7)) == ("-9", "1", "")


def test_the_installers_own_errors_are_told_in_their_lines(tmp_path):
    log = tmp_path / "anaconda.log"
    assert errors(log) == []
    log.write_text(
        "10:22:30,100 INFO anaconda: Missing package: none\n"
        "10:22:31,991 ERR program: it failed\n"
        "10:22:32,991 ERR anaconda: It was bad:#012#012first\r#012second#012\n"
        "10:22:33,991 CRIT anaconda: Traceback\n"
        "10:22:34,991 ERR anaconda:anaconda: payload: of RHEL 8"
    )
    assert errors(log) == [
        ["10:22:32,991 ERR anaconda: It was bad:", "first", "second"],
        ["10:22:33,991 CRIT anaconda: Traceback"],
        ["10:22:34,991 ERR anaconda:anaconda: payload: of RHEL 8"],
    ]


FAILED = "10:22:31,991 ERR anaconda:anaconda: kickstart.script: Error code 1 running the kickstart script at line 20"
SAID = [f"10:22:31,9{number} INFO anaconda:program: said {number}" for number in range(10, 40)]


def test_the_script_that_failed_last_is_told_with_its_own_last_words(tmp_path):
    log = tmp_path / "anaconda.log"
    assert failed_script(log) == []
    log.write_text(
        "10:22:30,100 INFO program: Running... /bin/sh /tmp/ks-script-aaaa\n"
        "10:22:30,101 INFO program: of another script\n"
        "10:22:30,102 INFO anaconda:program: Running in chroot '/mnt/sysroot'... /bin/sh /tmp/ks-script-bbbb\n"
        + "".join(f"{line}\n" for line in SAID)
        + f"10:22:31,990 DEBUG anaconda:program: Return code: 1\n{FAILED}\n10:22:32,100 INFO program: later\n"
    )
    assert failed_script(log) == [*SAID[-OUTPUT:], FAILED]


@pytest.mark.parametrize(
    "after",
    [
        "10:22:32,100 INFO anaconda: All kickstart %%pre script(s) have been run",
        "10:22:32,100 INFO program: Running... /bin/sh /tmp/ks-script-cccc",
        "10:22:32,100 INFO anaconda:program: Running in chroot '/mnt/sysroot'... /bin/sh /tmp/ks-script-cccc",
    ],
)
def test_a_script_after_which_the_installer_went_on_has_ended_nothing(tmp_path, after):
    log = tmp_path / "anaconda.log"
    log.write_text(f"{FAILED}\n{after}\n")
    assert failed_script(log) == []
