"""What is read in the log that the installer sends."""

from goldsmith.guests.anaconda_log import errors, script_status


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
