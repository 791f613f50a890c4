import os
import socket
import stat
import threading
import time

import paramiko
import pytest

from goldsmith.errors import GuestError
from goldsmith.host import shell
from goldsmith.host.commands import ConnectionLost, GuestCommands, NotReachable


def test_a_command_gives_its_lines_as_they_come_and_its_exit_status(sshd):
    heard: list[tuple[float, str]] = []
    with sshd().connect() as guest:
        ran = guest.run(
            "echo one; sleep 0.4; echo two >&2; exit 3",
            on_line=lambda line: heard.append((time.monotonic(), line)),
            timeout=20,
        )
    assert (ran.code, ran.tail) == (3, ("one", "two"))
    assert [line for _, line in heard] == ["one", "two"]
    assert heard[1][0] - heard[0][0] > 0.2


def test_a_command_reads_its_input_and_sees_its_variables(sshd):
    with sshd().connect() as guest:
        ran = guest.run('cat; echo "$WHO"', stdin="in\n", env={"WHO": "it's me"}, timeout=20)
    assert ran.text == "in\nit's me"


def test_much_input_and_much_output_at_once_do_not_block_each_other(sshd):
    data = b"x" * 99 + b"\n"
    count = []
    with sshd().connect() as guest:
        ran = guest.run("cat", stdin=data * 60_000, on_line=count.append, timeout=60)
    assert (ran.code, len(count)) == (0, 60_000)


def test_a_command_that_never_ends_is_left_with_its_last_lines(sshd):
    with (
        sshd().connect() as guest,
        pytest.raises(GuestError, match=r"no end after 3 s: echo hello; sleep 60\n  \| hello"),
    ):
        guest.run("echo hello; sleep 60", timeout=3)


def test_a_daemon_left_behind_does_not_keep_us(sshd):
    start = time.monotonic()
    with sshd().connect() as guest:
        assert guest.run("sleep 30 & echo started", timeout=20).text == "started"
    assert time.monotonic() - start < 10


def test_a_command_killed_by_a_signal_has_no_exit_status(sshd):
    with sshd().connect() as guest:
        assert guest.run("kill -9 $$", timeout=20).code == -1


@pytest.mark.parametrize("sftp", [True, False], ids=["sftp", "cat"])
def test_a_file_arrives_with_its_mode(sshd, tmp_path, sftp):
    local, remote = tmp_path / "from", tmp_path / "to a 'place'"
    local.write_bytes(os.urandom(300_000))
    with sshd(sftp=sftp).connect() as guest:
        guest.put(local, str(remote), mode=0o750)
        assert remote.read_bytes() == local.read_bytes()
        assert stat.S_IMODE(remote.stat().st_mode) == 0o750
        guest.put_bytes(b"short", str(remote), mode=0o400)
    assert remote.read_bytes() == b"short"
    assert stat.S_IMODE(remote.stat().st_mode) == 0o400


@pytest.mark.parametrize("sftp", [True, False], ids=["sftp", "cat"])
def test_a_file_that_cannot_be_written_is_named(sshd, tmp_path, sftp):
    with (
        sshd(sftp=sftp).connect() as guest,
        pytest.raises(GuestError, match=r"none/x in the guest: .*(No such file|nonexistent)"),
    ):
        guest.put_bytes(b"", f"{tmp_path}/none/x", mode=0o644)


def test_another_host_key_than_the_one_planted_is_refused(sshd):
    other = shell.new_key_pair().public
    with (
        pytest.raises(GuestError, match="another SSH host key than the one planted") as caught,
        sshd().connect(host_key=other),
    ):
        pass
    assert not isinstance(caught.value, NotReachable)


def test_a_host_key_of_another_kind_is_refused_as_well(sshd):
    other = shell.new_key_pair("rsa").public
    with pytest.raises(GuestError, match="another SSH host key"), sshd().connect(host_key=other):
        pass


def test_a_refused_login_may_be_tried_again(sshd):
    with (
        pytest.raises(NotReachable, match=r"SSH login refused for .*\n  fix: cloud-init may not"),
        sshd().connect(key=shell.new_key_pair()),
    ):
        pass


def test_no_listener_is_not_reachable_and_says_nothing_on_stderr(capfd):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        key = shell.new_key_pair()
        with (
            pytest.raises(NotReachable, match=f"no SSH at me@127.0.0.1 port {port}: .*refused"),
            shell.connect("127.0.0.1", port, user="me", key=key, host_key=key.public),
        ):
            pass
    assert capfd.readouterr().err == ""


def test_a_forwarded_port_without_a_guest_behind_it_is_not_reachable(capfd):
    """QEMU accepts for a guest that does not listen yet, then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        key = shell.new_key_pair()
        with (
            pytest.raises(NotReachable, match="no SSH at"),
            shell.connect("127.0.0.1", server.getsockname()[1], user="me", key=key, host_key=key.public),
        ):
            pass
    assert capfd.readouterr().err == ""


def test_rhel6_is_spoken_to_in_sha1(sshd):
    with sshd(rhel6=True).connect(legacy=True) as guest:
        assert guest.run("echo hello", timeout=20).text == "hello"


def test_a_guest_that_goes_away_is_told_apart_from_a_command_that_fails(sshd):
    with (
        sshd().connect() as guest,
        pytest.raises(ConnectionLost, match="went away while running echo last") as caught,
    ):
        guest.run("echo last; sleep 0.3; kill -9 $PPID; sleep 9", timeout=20)
    assert caught.value.evidence == ("last",)


def panicked():
    raise GuestError("the kernel panicked", fix="see its console")


def test_who_watches_the_guest_knows_why_it_went_away_from_a_command(sshd):
    with sshd().connect(watch=panicked) as guest, pytest.raises(GuestError, match="the kernel panicked"):
        guest.run("kill -9 $PPID", timeout=20)


def test_who_watches_the_guest_knows_why_it_went_away_from_a_file(sshd, tmp_path):
    big = tmp_path / "big"
    big.touch()
    os.truncate(big, 4 << 30)
    with sshd().connect(watch=panicked) as guest:
        guest.run("(sleep 0.5; kill -9 $PPID) > /dev/null 2>&1 &", timeout=20)
        with pytest.raises(GuestError, match="the kernel panicked"):
            guest.put(big, str(tmp_path / "copy"), mode=0o600)


def test_a_clock_that_jumps_forward_while_a_channel_opens_loses_no_guest(sshd, tmp_path, monkeypatch):
    real, late = paramiko.Transport.open_session, []

    def by_the_wall_clock(*args, **options):
        if len(late) % 2 == 0:
            late.append("the clock has jumped")
            raise paramiko.SSHException("Timeout opening channel.")
        late.append("")
        return real(*args, **options)

    with sshd().connect() as guest:
        monkeypatch.setattr(paramiko.Transport, "open_session", by_the_wall_clock)
        assert guest.run("echo here", timeout=20).text == "here"
        guest.put_bytes(b"there", str(tmp_path / "file"), mode=0o600)
    assert (tmp_path / "file").read_bytes() == b"there"
    assert len(late) == 4


def test_a_channel_that_is_refused_or_never_opens_is_not_waited_for_again(sshd, monkeypatch):
    asked = []

    def refused(*_args, **_options):
        asked.append("session")
        raise paramiko.ChannelException(1, "Administratively prohibited")

    with sshd().connect() as guest:
        monkeypatch.setattr(paramiko.Transport, "open_session", refused)
        with pytest.raises(ConnectionLost, match="went away while running true"):
            guest.run("true", timeout=20)
    assert asked == ["session"]


def test_a_private_key_is_not_shown():
    key = shell.new_key_pair()
    assert "PRIVATE KEY" in key.private
    assert "PRIVATE" not in repr(key)


def test_a_shell_is_a_way_into_a_guest(sshd):
    with sshd().connect() as guest:
        way: GuestCommands = guest
        assert way.run("true", timeout=20).code == 0
