"""What the install stage reads beside the console."""

from goldsmith.stages.install import script_status


def test_the_exit_status_of_a_script_is_in_the_log_that_the_installer_sends(tmp_path):
    log = tmp_path / "anaconda.log"
    assert script_status(log, 61) == ""
    log.write_text(
        "10:22:31,991 ERR anaconda: Error code 1 running the kickstart script at line 6\n"
        "10:22:35,112 ERR anaconda: Error code -9 running the kickstart script at line 61\n"
    )
    assert (script_status(log, 61), script_status(log, 6), script_status(log, 7)) == ("-9", "1", "")
