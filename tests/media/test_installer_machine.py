import json

import pytest

from goldsmith.media.installer.__main__ import Medium, find_kernel, read_medium
from goldsmith.media.installer.answers import Answers, Packages, Script, When
from goldsmith.media.installer.boot import read_boot
from goldsmith.media.installer.ending import save_kickstart
from goldsmith.media.installer.payload import check_packages, find_payload, missing, package_names, unpack
from goldsmith.media.installer.redhat.release import Release
from goldsmith.media.installer.scripts import run_scripts
from goldsmith.media.installer.steps import InstallProblem, Link, Note, Run, Say, Write
from goldsmith.media.installer.voice import voice

STATUS = """Package: adduser
Status: install ok installed
Description: add users
 Status: not this line

Package: gone
Status: deinstall ok config-files

Package: cloud-init
Status: install ok installed
"""


@pytest.mark.parametrize("word", ["ks=file:/ks.cfg", "inst.ks=file:/ks.cfg"])
def test_the_kickstart_is_named_with_and_without_inst(word):
    assert read_boot(f"quiet {word}").kickstart == "file:/ks.cfg"


def test_the_last_console_counts_and_cmdline_mode_is_seen():
    boot = read_boot("inst.cmdline console=tty0 console=ttyS0,115200n8 ipv6.disable=1 rd.break")
    assert (boot.cmdline, boot.console, boot.serial) == (True, "ttyS0,115200n8", True)
    assert boot.preserved == ("ipv6.disable=1",)


def test_faults_for_tests_are_read():
    boot = read_boot("standin.hang=payload standin.silent")
    assert (boot.hang, boot.silent) == ("payload", True)


@pytest.mark.parametrize(
    ("value", "saved"),
    [
        ("", {"input_ks", "output_ks", "logs"}),
        ("all", set()),
        ("all_ks", {"logs"}),
        ("logs,input_ks", {"output_ks"}),
    ],
)
def test_nosave_holds_back_what_it_names(value, saved):
    boot = read_boot(f"inst.nosave={value}")
    assert {what for what in ("input_ks", "output_ks", "logs") if boot.saves(what)} == saved


def test_the_kickstart_is_left_in_the_image_unless_nosave_says_no(machine, tmp_path):
    kickstart = tmp_path / "ks.cfg"
    kickstart.write_text("rootpw secret\n")
    here = machine("inst.nosave=all")
    here.say("started")
    save_kickstart(here, kickstart)
    assert list(here.root.rglob("*")) == []
    here = machine()
    save_kickstart(here, kickstart)
    assert (here.root / "root/original-ks.cfg").read_text() == "rootpw secret\n"
    assert "rootpw secret" in (here.root / "root/anaconda-ks.cfg").read_text()
    assert "started" in (here.root / "var/log/anaconda/anaconda.log").read_text()
    assert (here.root / "root/original-ks.cfg").stat().st_mode & 0o777 == 0o600


def test_only_installed_packages_count():
    assert package_names(STATUS) == ["adduser", "cloud-init"]
    assert missing(Packages(wanted=("cloud-init", "add*", "chrony")), ["adduser", "cloud-init"]) == ["chrony"]


def test_a_missing_package_ends_the_installation(machine, capsys):
    with pytest.raises(InstallProblem, match="the package 'chrony' should be installed"):
        check_packages(machine(), Packages(wanted=("chrony",)), ["adduser"])
    assert capsys.readouterr().out == "Missing package: chrony\n"


def test_a_missing_package_can_be_ignored(machine, log_of):
    here = machine()
    check_packages(here, Packages(wanted=("chrony",), groups=("core",), ignore_missing=True), ["adduser"])
    assert "Missing package: chrony (--ignoremissing)" in log_of(here)


def test_the_payload_is_the_image_named_or_the_mediums_own(machine, tmp_path):
    image = tmp_path / "x.squashfs"
    image.write_bytes(b"")
    assert find_payload(machine(), Answers(method="liveimg", url=f"file://{image}")) == image
    assert find_payload(machine(), Answers(method="cdrom")).name == "payload.squashfs"
    with pytest.raises(InstallProblem, match="no such file"):
        find_payload(machine(), Answers(method="liveimg", url="file:///not/there"))
    with pytest.raises(InstallProblem, match="not by nfs"):
        find_payload(machine(), Answers(method="nfs"))


def test_an_image_is_told_in_percent_and_packages_one_by_one(machine, fake_tool, tmp_path, capsys):
    tool = fake_tool("unsquashfs")
    image = tmp_path / "payload.squashfs"
    (tmp_path / "payload.json").write_text(json.dumps({"bytes": 1000}))
    here = machine()
    unpack(here, image, voice(7), ())
    assert capsys.readouterr().out.splitlines()[-1] == "Installing software 100%"
    unpack(here, image, voice(7), ("bash", "dpkg"))
    assert capsys.readouterr().out.splitlines() == ["Installing bash (1/2)", "Installing dpkg (2/2)"]
    assert tool.calls[0] == ["-f", "-q", "-n", "-d", str(here.root), str(image)]


def test_steps_are_carried_out_inside_the_new_system(machine, capsys, log_of):
    here = machine()
    (here.root / "etc").mkdir()
    (here.root / "etc/hostname").symlink_to("/outside")
    steps = [
        Say("Phase"),
        Note("quiet"),
        Write("/etc/hostname", "h1\n", 0o600),
        Link("/etc/a/b", "../hostname"),
    ]
    here.carry_out(steps)
    assert capsys.readouterr().out == "Phase\n"
    assert "quiet" in log_of(here)
    assert (here.root / "etc/hostname").read_text() == "h1\n"
    assert not (here.root / "etc/hostname").is_symlink()
    assert (here.root / "etc/a/b").readlink().as_posix() == "../hostname"


def test_a_program_that_fails_ends_the_installation_unless_it_may(machine, fake_tool):
    fake_tool("mkfs.ext4", "echo one; echo 'no space' >&2; exit 1")
    here = machine()
    with pytest.raises(InstallProblem, match=r"mkfs\.ext4 failed: no space"):
        here.carry_out([Run(("mkfs.ext4", "/dev/vda1"))])
    here.carry_out([Run(("mkfs.ext4", "/dev/vda1"), optional=True)])
    assert "Return code: 1" in (here.logs / "program.log").read_text()


def test_what_a_program_reads_is_not_logged(machine, fake_tool):
    fake_tool("chpasswd", "cat > /dev/null")
    here = machine()
    here.carry_out([Run(("chpasswd",), stdin="root:hunter2\n")])
    assert "hunter2" not in (here.logs / "program.log").read_text()


def test_a_silent_installer_says_nothing(machine, capsys, log_of):
    here = machine("standin.silent")
    here.say("Phase")
    assert capsys.readouterr().out == ""
    assert "Phase" in log_of(here)


def test_scripts_see_the_place_of_the_new_system_and_keep_their_log(machine, tmp_path):
    here = machine()
    log = tmp_path / "post.log"
    script = Script(When.POST, 'echo "in $ANA_INSTALL_PATH"', 7, log=str(log))
    run_scripts(here, [script, Script(When.PRE, "exit 1", 9, fatal=True)], When.POST, voice(7))
    assert log.read_text() == f"in {here.root}\n"


def test_only_a_fatal_script_stops_the_installation(machine, tmp_path, log_of):
    here = machine()
    log = str(tmp_path / "post.log")
    run_scripts(here, [Script(When.POST, "exit 3", 20, log=log)], When.POST, voice(7))
    assert "Error code 3 running the kickstart script at line 20" in log_of(here)
    fatal = Script(When.POST, "echo first; echo it broke >&2; exit 3", 21, fatal=True, log=log)
    with pytest.raises(InstallProblem) as caught:
        run_scripts(here, [fatal], When.POST, voice(7))
    assert str(caught.value) == (
        "There was an error running the kickstart script at line 21.  This is a fatal error and installation will "
        "be aborted.  The details of this error are:\n\nfirst\nit broke"
    )
    with pytest.raises(InstallProblem, match=r"at line 21\.  You may examine the output in .*post\.log"):
        run_scripts(here, [fatal], When.POST, voice(6))


def test_an_interpreter_that_is_not_there_is_a_failure(machine, tmp_path):
    here = machine()
    script = Script(When.PRE, "x", 3, interpreter="/no/such/python", fatal=True, log=str(tmp_path / "l"))
    with pytest.raises(InstallProblem, match="/no/such/python: No such file or directory"):
        run_scripts(here, [script], When.PRE, voice(7))


def test_the_release_comes_from_the_medium_and_the_kernel_from_the_payload(tmp_path, machine):
    (tmp_path / ".treeinfo").write_text("[general]\nfamily = Red Hat Enterprise Linux\nversion = 6.10\n")
    (tmp_path / "LiveOS").mkdir()
    (tmp_path / "LiveOS/payload.json").write_text('{"bytes": 1, "redhat": true}')
    assert read_medium(tmp_path) == Medium(Release("6.10"), redhat=True)
    here = machine()
    with pytest.raises(InstallProblem, match="no kernel"):
        find_kernel(here.root)
    (here.root / "boot").mkdir()
    (here.root / "boot/vmlinuz-6.1.0-1-amd64").touch()
    assert find_kernel(here.root).version == "6.1.0-1-amd64"
