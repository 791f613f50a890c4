import pytest

from goldsmith.guests.causes.failure import Diagnoser
from goldsmith.guests.causes.linux import BOOT
from goldsmith.guests.console import ConsoleFile, clean


def test_control_sequences_and_redrawn_text_are_taken_out():
    assert clean("\x1b[1;32mok\x1b[0m \x0fdone\r\n") == "ok done"
    assert clean("10%\r20%\r30%\r\n") == "30%"
    assert clean("\x1b]0;title\x07text") == "text"
    assert clean("Starting \x1b[0;1;39mmodprobe@dm_mod.s…[0m - Load") == "Starting modprobe@dm_mod.s… - Load"


def test_of_a_screen_that_is_drawn_the_words_stay():
    menu = "\x1b[H\x1b[J\x1b[1;1H\x1b[2;24HGNU GRUB  version 2.06\r\n"
    assert clean(menu) == "GNU GRUB  version 2.06"
    entry = (
        f"\x1b[4;2H+{'-' * 76}+\x1b[5;2H|{' ' * 76}|\x1b[6;2H*Debian{' ' * 70}\x1b[20;1H Booting `Debian'\n"
    )
    assert clean(entry) == "Debian  Booting `Debian'"


@pytest.mark.parametrize("clock", ["[  123.4]", "[    2.113000]"])
def test_what_the_kernel_says_while_a_screen_is_drawn_stays_readable(clock):
    line = f"\x1b[10;24H{clock} Kernel panic - not syncing: VFS: Unable to mount root fs - none\r\n"
    text = clean(line)
    assert text.endswith("] Kernel panic - not syncing: VFS: Unable to mount root fs - none")
    diagnoser = Diagnoser(BOOT)
    assert diagnoser.line(text)
    found = diagnoser.diagnosis()
    assert found is not None
    assert found.cause == "the kernel panicked: VFS: Unable to mount root fs - none"


def test_frames_go_although_they_are_made_of_the_same_characters():
    assert clean("\x1b[1;1H+--- Disks ---+\x1b[2;1H| vda - 8 GiB |\x1b[3;1H+-------------+\n") == (
        "Disks  vda - 8 GiB"
    )


def test_new_lines_are_given_once_and_an_unfinished_one_waits(tmp_path):
    path = tmp_path / "console"
    console = ConsoleFile(path)
    assert list(console.lines()) == []
    path.write_bytes(b"one\ntwo\nlog")
    assert list(console.lines()) == ["one", "two"]
    assert console.unfinished == "log"
    with path.open("ab") as file:
        file.write(b"in: \nthree\n")
    assert list(console.lines()) == ["login:", "three"]


def test_a_console_that_starts_anew_is_read_from_its_start(tmp_path):
    path = tmp_path / "console"
    path.write_bytes(b"a long first boot\n")
    console = ConsoleFile(path)
    assert list(console.lines()) == ["a long first boot"]
    path.write_bytes(b"again\n")
    assert list(console.lines()) == ["again"]


def test_a_line_without_end_does_not_grow_for_ever(tmp_path):
    path = tmp_path / "console"
    path.write_bytes(b"x" * 10_000)
    console = ConsoleFile(path)
    assert [len(line) for line in console.lines()] == [10_000]
    assert console.unfinished == ""


def test_bytes_that_are_no_text_do_no_harm(tmp_path):
    path = tmp_path / "console"
    path.write_bytes(b"\xff\xfe bad\n")
    assert "bad" in next(ConsoleFile(path).lines())


def test_what_is_heard_counts_though_it_makes_no_line_and_the_tail_ends_with_it(tmp_path):
    path = tmp_path / "console"
    console = ConsoleFile(path)
    path.write_bytes(b"one\ntwo\n 10%")
    assert list(console.lines()) == ["one", "two"]
    assert (console.heard, console.tail(2)) == (12, ["two", " 10%"])
    with path.open("ab") as file:
        file.write(b"\r 10%")
    assert list(console.lines()) == []
    assert (console.heard, console.tail(9)) == (17, ["one", "two", " 10%"])
