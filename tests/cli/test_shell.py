"""``goldsmith shell``: which guest it finds, what it says of it, and what it does where there is none."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.host.conftest import sshd  # noqa: F401  a real server stands for the guest's
from tests.keeping import URI, XML, a_build, a_kept_guest

from goldsmith.cli.main import run
from goldsmith.events import BuildStarted
from goldsmith.guests.access import Way
from goldsmith.host.domains import DomainState
from goldsmith.plan.keeping import write_way
from goldsmith.plan.kept import Kept, write_note
from goldsmith.record import BuildRecord

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture
def shell(state, capfd):
    def call(*words):
        capfd.readouterr()
        code = run(["shell", *words])
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return call


def test_where_there_is_no_guest_it_says_why(state, shell, hypervisor):
    assert shell("x")[0] == 2
    a_build(state, "b1")
    code, _, err = shell("b1")
    assert (code, err) == (
        2,
        "the build b1 keeps no guest\n  fix: goldsmith build --keep-failed leaves one that fails as it is\n",
    )
    write_note(state / "builds", a_kept_guest(state, hypervisor, ended="dropped"))
    code, _, err = shell("b1")
    assert code == 2
    assert err == (
        "the guest that b1 kept is gone: dropped\n"
        "  fix: goldsmith build --resume b1 goes on from the last good layer\n"
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ended": "gone on with by b2"}, ": gone on with by b2\n  fix: goldsmith show b2\n"),
        ({"ended": "dropped", "home": "boot-tests"}, ": dropped\n"),
    ],
    ids=["taken by another build", "of a boot test"],
)
def test_of_a_guest_that_is_gone_it_says_what_there_is_to_do(state, shell, hypervisor, change, told):
    note = Kept("b1", "s", "goldsmith-b1-x", URI, **change)
    a_build(state, "b1")
    (state / note.home / "b1").mkdir(parents=True, exist_ok=True)
    write_note(state / note.home, note)
    for words in (("b1",), ("b1", "--drop")):
        assert shell(*words) == (2, "", f"the guest that b1 kept is gone{told}")


def test_a_kept_guest_that_fell_is_an_error_of_the_guest(guest, hypervisor, shell):
    hypervisor.destroy(guest.domain)
    code, _, err = shell("b1")
    assert code == 4
    assert "does not run any more\n  fix: goldsmith build --resume b1" in err


def test_a_paused_guest_names_the_command_that_lets_it_go_on(guest, hypervisor, shell):
    hypervisor._connection.lookupByName(guest.domain).suspend()
    code, _, err = shell("b1")
    assert code == 4
    assert f"virsh -c {URI} resume goldsmith-b1-customize" in err


def test_json_tells_where_the_guest_is_and_opens_nothing(state, guest, shell):
    code, out, err = shell("b1", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["domain"], told["state"], told["kept"]) == (guest.domain, "running", True)
    access = state / "run" / "b1" / "access"
    assert told["ssh"][told["ssh"].index("-i") + 1] == str(access / "id")
    assert f"UserKnownHostsFile={access / 'known_hosts'}" in told["ssh"]


def test_drop_takes_the_guest_its_disk_and_its_keys_away(state, guest, hypervisor, shell):
    code, out, _ = shell("b1", "--drop")
    assert (code, out) == (0, "goldsmith-b1-customize is gone, with its disk and its keys\n")
    assert hypervisor.state(guest.domain) is DomainState.GONE
    assert not (state / "run" / "b1").exists()
    assert not list((state / "store" / "layers").glob("kept-*"))
    assert shell("b1", "--drop")[0] == 2


def test_a_guest_that_is_being_built_is_found(state, hypervisor, shell):
    with BuildRecord.create(state / "builds", recipe="r", build_id="b2") as record:
        record.tell(BuildStarted("b2", "r", ()))
        code, _, err = shell("b2")
        assert code == 2
        assert "runs no guest at this moment" in err
        hypervisor.define(XML.format("goldsmith-b2-install", f"goldsmith build=b2 state={state}"))
        hypervisor.start("goldsmith-b2-install", autodestroy=False)
        assert json.loads(shell("b2", "--json")[1])["kept"] is False
        code, _, err = shell("b2")
        assert code == 0
        assert "a change goes into its image" in err


def test_without_ssh_and_without_a_terminal_the_end_of_the_console_is_shown(state, guest, shell, hypervisor):
    (state / "run" / "b1" / "access" / "way.json").unlink()
    code, _, err = shell("b1")
    assert code == 0
    assert "the serial console needs a terminal" in err
    code, _, err = shell("b1", "--", "id")
    assert code == 4
    assert "commands need SSH" in err


def test_windows_says_where_its_screen_is(state, guest, shell):
    (state / "run" / "b1" / "access" / "way.json").unlink()
    write_note(state / "builds", replace(guest, windows=True))
    code, _, err = shell("b1")
    assert code == 0
    assert "its screen is the way in" in err


def test_a_windows_that_is_being_built_and_whose_agent_does_not_answer_notes_nothing(
    state, hypervisor, shell
):
    about = 'xmlns:l="http://libosinfo.org/xmlns/libvirt/domain/1.0"'
    windows = (
        f'<metadata><l:libosinfo {about}><l:os id="http://microsoft.com/win/2k22"/></l:libosinfo></metadata>'
    )
    with BuildRecord.create(state / "builds", recipe="r", build_id="b2") as record:
        record.tell(BuildStarted("b2", "r", ()))
        xml = XML.format("goldsmith-b2-x", f"goldsmith build=b2 state={state}")
        hypervisor.define(xml.replace("<memory>", f"{windows}<memory>"))
        hypervisor.start("goldsmith-b2-x", autodestroy=False)
        code, _, err = shell("b2", "--", "ver")
        assert (code, "the agent of the guest goldsmith-b2-x does not answer" in err) == (4, True)
        assert not (record.folder / "entered").exists()


def way_to(server):
    return Way(
        server.user,
        server.key.private,
        server.key.public,
        server.host_key,
        port=server.port,
        address="127.0.0.1",
    )


def program_of(domain, description):
    """Return a program with a guest of libvirt's test driver, which no other process has, and its environment."""
    program = (
        "import sys; from goldsmith.host.hypervisor import connect\n"
        "from tests.keeping import URI, XML\n"
        "from goldsmith.cli.main import run\n"
        "with connect(URI) as one:\n"
        f"    one.create(XML.format({domain!r}, {description!r}), autodestroy=False)\n"
        "    sys.exit(run(sys.argv[1:]))\n"
    )
    return [sys.executable, "-c", program], {
        **os.environ,
        "PYTHONPATH": f"{SRC}:{SRC.parent}",
        "TERM": "xterm",
    }


@pytest.fixture
def into(state, guest, sshd):  # noqa: F811
    """Let SSH into the guest lead to a real server; return a command line of its own process."""
    write_way(state / "run" / "b1", way_to(sshd()), guest.domain)
    argv, env = program_of(guest.domain, "d")
    return Shell([*argv, "shell", "b1", "-q"], env)


@dataclass(frozen=True)
class Shell:
    """Starts ``goldsmith shell`` for the guest of a build."""

    argv: list[str]
    env: dict[str, str]

    def __call__(self, *words, **options):
        return subprocess.Popen([*self.argv, *words], env=self.env, **options)


def test_a_command_has_our_streams_and_its_exit_status_is_ours(into):
    pipe = subprocess.PIPE
    process = into("--", "cat; echo wrong >&2; exit 7", stdin=pipe, stdout=pipe, stderr=pipe)
    much = b"line\n" * 200_000
    out, err = process.communicate(much, timeout=60)
    assert (process.returncode, err) == (7, b"wrong\n")
    assert out == much


def test_words_of_a_command_stay_words(into):
    process = into("--", "printf", "<%s>", "a b", "c'd", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.communicate(timeout=60)[0] == b"<a b><c'd>"


def test_json_has_the_lines_of_a_command(into):
    process = into("--json", "--", "echo one; echo two; exit 3", stdout=subprocess.PIPE)
    told = json.loads(process.communicate(timeout=60)[0])
    assert (process.returncode, told["exit_code"], told["lines"]) == (3, 3, ["one", "two"])


def test_a_reader_that_has_enough_ends_it_quietly(into):
    process = into(
        "--",
        "seq 1 300000; sleep 60",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"1\n"
    process.stdout.close()
    assert (process.stderr.read(), process.wait(60)) == (b"", 1)


def test_a_full_disk_is_told_as_one(into):
    with Path("/dev/full").open("wb") as full:
        process = into("--", "seq 1 300000", stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE)
        said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 3
    assert said.startswith("No space left on device\n  fix: make room")
    assert said.count("\n") == 2


def test_a_command_that_a_signal_has_ended_has_the_status_that_ssh_gives_it(into):
    pipe = subprocess.PIPE
    process = into("--", "echo one; kill -TERM $$", stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    assert process.communicate(timeout=60) == (b"one\n", b"")
    assert process.returncode == 255
    process = into("--json", "--", "kill -TERM $$", stdin=subprocess.DEVNULL, stdout=pipe)
    told = json.loads(process.communicate(timeout=60)[0])
    assert (process.returncode, told["exit_code"]) == (255, 255)


def test_a_command_that_ends_before_it_has_read_all_has_its_own_status(into):
    process = into("--", "exit 3", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.communicate(b"line\n" * 2_000_000, timeout=60) == (b"", b"")
    assert process.returncode == 3


def test_a_stream_that_is_closed_is_an_empty_one(state, guest, into):
    def bare(*words, closed=(0,)):
        close = " ".join(f"{one}>&-" for one in closed)
        argv = ["/bin/sh", "-c", f'exec "$@" {close}', "sh", *into.argv, *words]
        return subprocess.run(argv, env=into.env, capture_output=True, timeout=60, check=False)

    done = bare("--", "cat; echo there; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"there\n", b"")
    done = bare("--", "echo there; exit 7", closed=(1,))
    assert (done.returncode, done.stdout, done.stderr) == (7, b"", b"")
    (state / "run" / "b1" / "access" / "way.json").unlink()
    done = bare()
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"the serial console needs a terminal" in done.stderr


def test_a_guest_that_goes_away_meanwhile_is_told_as_gone(into):
    process = into(
        "--",
        "kill -KILL $PPID; sleep 60",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert b"the guest went away" in process.communicate(timeout=60)[1]
    assert process.returncode == 4


def test_a_person_gets_a_terminal_of_the_same_size_and_ours_is_as_before(into):
    ours, theirs = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 97, 0, 0))
    before = termios.tcgetattr(theirs)
    process = into(stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
    os.write(ours, b"stty size; exit 5\n")
    seen, end = b"", time.monotonic() + 100
    while b"31 97" not in seen and time.monotonic() < end:
        seen += os.read(ours, 4096) if select.select([ours], [], [], 1)[0] else b""
    assert b"31 97" in seen, seen
    assert process.wait(60) == 5
    assert termios.tcgetattr(theirs) == before


@pytest.fixture
def building(state):
    """Let b2 be built meanwhile; return a command line that has its guest, and what notes that somebody was in."""
    with BuildRecord.create(state / "builds", recipe="r", build_id="b2") as record:
        record.tell(BuildStarted("b2", "r", ()))
        argv, env = program_of("goldsmith-b2-x", f"goldsmith build=b2 state={state}")
        yield Shell([*argv, "shell", "b2", "-q"], env), record.folder / "entered"


def test_a_shell_that_opens_nothing_in_a_guest_that_is_being_built_notes_nothing(state, building, sshd):  # noqa: F811
    into, entered = building
    pipe = subprocess.PIPE

    def said(*words):
        process = into(*words, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
        return process.communicate(timeout=60)[1].decode(), process.returncode

    err, code = said("--", "id")
    assert (code, "commands need SSH, and there is none" in err, entered.exists()) == (4, True, False)
    err, code = said()
    assert (code, "these are its last lines" in err, entered.exists()) == (0, True, False)
    write_way(state / "run" / "b2", replace(way_to(sshd()), host_key=sshd().key.public), "goldsmith-b2-x")
    err, code = said("--", "id")
    assert (code, "another SSH host key" in err, entered.exists()) == (4, True, False)


def test_a_command_in_a_guest_that_is_being_built_notes_that_somebody_was_in(state, building, sshd):  # noqa: F811
    into, entered = building
    write_way(state / "run" / "b2", way_to(sshd()), "goldsmith-b2-x")
    process = into("--", f"ls {entered}", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.communicate(timeout=60)[0].decode().split() == [str(entered)]  # before it begins
    assert process.returncode == 0


def test_the_console_of_a_guest_that_is_being_built_notes_that_somebody_was_in(building, fake_tool):
    into, entered = building
    virsh = fake_tool("virsh", f"test -e {entered}")
    _, theirs = pty.openpty()
    process = into(stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert process.wait(60) == 0
    assert virsh.calls == [["-q", "-c", URI, "console", "goldsmith-b2-x", "--force"]]


def test_another_host_key_is_refused(state, guest, into, sshd, shell):  # noqa: F811
    other = replace(way_to(sshd()), host_key=sshd().key.public)
    write_way(state / "run" / "b1", other, guest.domain)
    code, _, err = shell("b1", "--", "id")
    assert code == 4
    assert "another SSH host key than the one planted" in err
