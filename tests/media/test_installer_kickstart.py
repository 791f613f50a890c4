import re
from pathlib import Path

import pytest

from goldsmith.media.installer.answers import Group, Password, When
from goldsmith.media.installer.kickstart import KickstartProblem, read_kickstart, read_pre_scripts

TOP = Path(__file__).parents[2]


def test_a_whole_kickstart_is_understood(kickstart, seven):
    found = kickstart(seven)
    assert (found.method, found.url) == ("liveimg", "file:///run/install/repo/LiveOS/payload.squashfs")
    assert (found.lang, found.keyboard, found.timezone, found.utc) == ("en_US.UTF-8", "us", "UTC", True)
    assert found.root == Password(locked=True)
    assert (found.cmdline, found.ending) == (True, "poweroff")
    (part,) = found.storage.partitions
    assert (part.mount, part.fstype, part.size, part.grow) == ("/", "ext4", 1024, True)
    assert found.storage.initialise
    assert found.bootloader.append == "console=tty0 console=ttyS0,115200n8"


@pytest.mark.parametrize(
    ("line", "ending"),
    [("poweroff", "poweroff"), ("shutdown", "poweroff"), ("reboot", "reboot"), ("halt", "halt")],
)
def test_the_ending_is_the_one_asked_for(kickstart, line, ending, seven):
    assert kickstart(seven.replace("poweroff", line)).ending == ending


def test_without_an_ending_the_machine_stays_on(kickstart, seven):
    assert kickstart(seven.replace("poweroff\n", "")).ending == "halt"


def test_the_file_system_that_is_not_named_follows_the_generation(kickstart):
    assert kickstart("part / --size=1024\n").storage.partitions[0].fstype == "xfs"
    assert kickstart("part / --size=1024\n", 6).storage.partitions[0].fstype == "ext4"


def test_liveimg_wins_over_the_medium(kickstart, seven):
    assert kickstart("cdrom\n" + seven).method == "liveimg"
    assert kickstart("cdrom\n").method == "cdrom"


def test_accounts_and_keys(kickstart, seven):
    found = kickstart(
        seven + "group --name=ops --gid=1234\n"
        "user --name=bob --groups=sudo,ops --password=$6$x --iscrypted --uid=1500 --shell=/bin/sh\n"
        'sshkey --username=bob "ssh-ed25519 AAAA bob"\n'
    )
    assert found.groups == (Group("ops", 1234),)
    (bob,) = found.users
    assert (bob.name, bob.groups, bob.uid, bob.shell) == ("bob", ("sudo", "ops"), 1500, "/bin/sh")
    assert bob.password == Password("$6$x", crypted=True)
    assert found.ssh_keys == (("bob", "ssh-ed25519 AAAA bob"),)


def test_scripts_keep_their_options_and_lines(kickstart, seven):
    found = kickstart(
        seven + "%pre --log=/tmp/pre.log\necho pre\n%end\n"
        "%post --erroronfail --interpreter=/bin/bash\necho one\n%end\n"
        "%post --nochroot --log=/root/two.log\necho two\n%end\n%onerror\ntrue\n%end\n"
    )
    pre, one, two, error = found.scripts
    assert (pre.when, pre.log, pre.body) == (When.PRE, "/tmp/pre.log", "echo pre\n")
    assert (one.chroot, one.fatal, one.interpreter, one.line) == (True, True, "/bin/bash", 15)
    assert (two.chroot, two.fatal, two.log) == (False, False, "/root/two.log")
    assert error.when is When.ERROR


def test_pre_scripts_are_read_before_what_they_write_exists(tmp_path, seven):
    path = tmp_path / "ks.cfg"
    path.write_text(seven + "%include /tmp/not-written-yet.ks\n%pre\necho > /tmp/not-written-yet.ks\n%end\n")
    (script,) = read_pre_scripts(path, 7)
    assert "not-written-yet" in script.body
    with pytest.raises(KickstartProblem, match="not-written-yet"):
        read_kickstart(path, 7)


def test_commands_without_a_meaning_here_are_recorded(kickstart, seven):
    found = kickstart(
        seven + "selinux --enforcing\nfirewall --disabled\neula --agreed\nskipx\nauth --useshadow\n"
    )
    assert set(found.recorded) == {"selinux", "firewall", "eula", "skipx", "auth"}
    assert kickstart("%addon com_redhat_kdump --disable\n%end\n" + seven).method == "liveimg"


def test_an_unknown_command_is_told_as_anaconda_tells_it(kickstart, seven):
    with pytest.raises(KickstartProblem) as caught:
        kickstart(seven + "authselect\n")
    assert str(caught.value) == (
        "The following problem occurred on line 12 of the kickstart file:\n\nUnknown command: authselect"
    )


def test_each_generation_has_its_own_grammar(kickstart):
    with pytest.raises(KickstartProblem, match="line 1 of the kickstart file"):
        kickstart("key --skip\n", 7)
    assert "key" in kickstart("key --skip\n", 6).recorded
    with pytest.raises(KickstartProblem, match="line 2 of the kickstart file"):
        kickstart("cdrom\nliveimg --url=file:///x\n", 6)


def test_a_section_without_its_end_is_refused(kickstart, seven):
    with pytest.raises(KickstartProblem, match="%end"):
        kickstart(seven + "%packages\nchrony\n")


def test_packages(kickstart, seven):
    found = kickstart(
        seven + "%packages --ignoremissing\n@core\ncloud-init\nlib*\n-plymouth\n%end\n"
    ).packages
    assert (found.groups, found.wanted, found.unwanted) == (("core",), ("cloud-init", "lib*"), ("plymouth",))
    assert found.ignore_missing


def test_every_file_of_the_installer_carries_its_licence():
    folder = TOP / "src/goldsmith/media/installer"
    for path in (one for one in folder.iterdir() if one.is_file()):
        head = "\n".join(path.read_text().splitlines()[:2])
        assert re.search(r"SPDX-License-Identifier: GPL-2\.0-or-later", head), path.name
    assert "GNU GENERAL PUBLIC LICENSE" in (TOP / "LICENSES/GPL-2.0-or-later.txt").read_text()
