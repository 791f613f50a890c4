"""The conversation with guestfish, held here with a small script in its place."""

from pathlib import Path

import pytest

from goldsmith.audit.appliance import converse, quoted
from goldsmith.audit.gather import look
from goldsmith.audit.initramfs import read_listing
from goldsmith.audit.listing import MOST_TEXT, read_texts
from goldsmith.audit.tree import Entry, Kind, Tree
from goldsmith.errors import HostError, ToolError
from goldsmith.host.process import LocalHost

# Answers each line of its script file as guestfish would: `command words | cat > file; echo > ready`.
TALKER = r"""
bash -c '
while IFS= read -r line; do
  said=
  case "${line#-}" in
    list-devices*) said=/dev/sda ;;
    binary*) said=$(printf "a\377b") ;;
    long*) said=$(head -c 300000 /dev/zero | tr "\0" x) ;;
    -*|fail*) [ "${line#-}" = "$line" ] && { echo "libguestfs: error: no such thing" >&2; exit 1; } ;;
    vanish* | quit) exit 0 ;;
  esac
  eval "printf %s \"\$said\" | cat ${line#*| cat }"
done < "$6"' x "$@"
"""


def ask(tmp_path, talk):
    image = tmp_path / "disk.qcow2"
    return converse(image, talk, driver="qcow2", host=LocalHost(), env={}, timeout=30)


def test_answers_come_back_one_by_one_whatever_they_hold(tmp_path, fake_tool):
    tool = fake_tool("guestfish", TALKER)

    def talk(appliance):
        return appliance.text("list-devices"), appliance.ask("binary"), len(appliance.ask("long"))

    assert ask(tmp_path, talk) == ("/dev/sda", b"a\xffb", 300000)
    (call,) = tool.calls
    assert call[:5] == ["--ro", "--format=qcow2", "-a", str(tmp_path / "disk.qcow2"), "-f"]


def test_a_command_that_may_fail_answers_nothing(tmp_path, fake_tool):
    fake_tool("guestfish", TALKER)
    assert ask(tmp_path, lambda appliance: appliance.ask("fail")) == b""


def test_a_command_that_must_work_ends_with_the_words_of_guestfish(tmp_path, fake_tool):
    fake_tool("guestfish", TALKER)
    with pytest.raises(ToolError, match="libguestfs: error: no such thing"):
        ask(tmp_path, lambda appliance: appliance.ask("fail", must=True))


def test_a_guestfish_that_goes_away_leaves_no_question_waiting(tmp_path, fake_tool):
    fake_tool("guestfish", TALKER)
    with pytest.raises(ToolError, match="guestfish ended before all was asked"):
        ask(tmp_path, lambda appliance: appliance.ask("vanish"))


def test_a_missing_guestfish_is_named_with_its_package(tmp_path):
    with pytest.raises(HostError, match=r"guestfish is not installed\n  fix: apt install libguestfs-tools"):
        ask(tmp_path, lambda appliance: appliance.ask("run"))


def test_an_error_of_the_asker_ends_the_session_and_comes_through(tmp_path, fake_tool):
    fake_tool("guestfish", TALKER)

    def talk(appliance):
        raise ZeroDivisionError

    before = open_files()
    with pytest.raises(ZeroDivisionError):
        ask(tmp_path, talk)
    assert open_files() == before


@pytest.mark.parametrize(
    "word", ['a"; !touch /tmp/x', "a | cat", "a\nrun", "a\\", "ä", "\x1b[0m", "`id`", "'x'"]
)
def test_no_name_from_a_guest_can_become_a_command(word):
    line = quoted(word)
    assert line.isascii()
    assert line.isprintable()
    assert line[0] == line[-1] == '"'
    assert '"' not in line[1:-1]
    assert line[1:-1].encode().decode("unicode_escape").encode("latin-1") == word.encode()


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


class Guest:
    """An appliance that knows a few answers by heart."""

    def __init__(self, **answers):
        self.answers = {name.replace("_", "-"): text for name, text in answers.items()}
        self.asked = []

    def text(self, command, *words, must=False):
        self.asked.append((command, *words))
        return self.answers.get(command, "")

    def ask(self, command, *words, must=False):
        return self.text(command, *words).encode()

    def shell(self, script):
        if "/sys/block" in script:
            return self.answers.get("foreign", "")
        return self.answers.get("e2fsck" if "e2fsck" in script else "blkid", "")


def test_files_that_would_hurt_are_not_read_and_not_forgotten():
    entries = {
        "/etc/big": Entry(Kind.FILE, size=MOST_TEXT + 1),
        "/etc/pipe": Entry(Kind.OTHER),
        "/etc/good": Entry(Kind.FILE, size=3),
        "/etc/bad\nname": Entry(Kind.FILE, size=3),
        "/etc/away": Entry(Kind.LINK, target="/far/fifo"),
    }
    guest = Guest(pread="abc", stat="mode: 4480\nsize: 0\n")
    tree = read_texts(guest, Tree(entries), ["/etc/*"])
    assert tree.texts == {"/etc/good": "abc"}
    assert set(tree.unread) == {"/etc/big", "/etc/pipe", "/etc/bad\nname", "/far/fifo"}
    assert ("pread", "/etc/good", str(MOST_TEXT), "0") in guest.asked
    assert [words for words in guest.asked if words[0] == "pread"] == [guest.asked[-1]]


def test_a_link_that_leads_nowhere_is_an_absent_file():
    tree = read_texts(Guest(), Tree({"/etc/away": Entry(Kind.LINK, target="/run/x")}), ["/etc/away"])
    assert tree.text("/etc/away") is None


def test_a_disk_without_a_system_is_still_described():
    guest = Guest(
        list_devices="/dev/sda\n",
        part_list="[0] = {\n  part_num: 1\n  part_start: 1048576\n  part_end: 2097151\n  part_size: 1048576\n}\n",
        blkid="DEVNAME=/dev/sdb\nTYPE=ext2\n\nDEVNAME=/dev/sda1\nLABEL=a b\nUUID=u-1\nTYPE=ext4\nPARTUUID=p-1\n",
        e2fsck="e2fsck 1.47\nInode 12 has a wrong count.  Fix? no\nrc=4\n",
    )
    seen = look(guest, sees=[], reads=[])
    assert [part.device for part in seen.partitions] == ["/dev/sda1"]
    (system,) = seen.filesystems
    assert (system.label, system.uuid, system.part_uuid) == ("a b", "u-1", "p-1")
    assert system.faults == ("Inode 12 has a wrong count.  Fix? no",)
    assert seen.reason == "the image holds 0 operating systems, not one"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (
            "Warning: skipping journal recovery because doing a read-only filesystem check.\nrc=0",
            "journal recovery",
        ),
        ("sh: e2fsck: not found\nrc=127", "e2fsck is missing in the appliance"),
        ("", "the check gave no result"),
    ],
)
def test_a_file_system_is_clean_only_when_its_check_says_so(said, fault):
    guest = Guest(list_devices="/dev/sda", blkid="DEVNAME=/dev/sda1\nTYPE=ext4\n", e2fsck=said)
    assert fault in look(guest, sees=[], reads=[]).filesystems[0].faults[0]


def test_a_disk_that_came_up_under_another_name_is_taken_for_what_it_is():
    guest = Guest(
        list_devices="/dev/sda\n",
        foreign="/dev/sdb\n",
        blkid="DEVNAME=/dev/sda\nTYPE=ext2\n\nDEVNAME=/dev/sdb1\nTYPE=ext4\n\n"
        "DEVNAME=/dev/mapper/vg--a-root\nTYPE=xfs\n",
        e2fsck="features=has_journal 64bit\nrc=0\n",
    )
    found = look(guest, sees=[], reads=[]).filesystems
    assert [(one.device, one.kind) for one in found] == [("/dev/sda1", "ext4"), ("/dev/vg-a/root", "xfs")]
    assert (found[0].features, found[0].faults) == ({"has_journal", "64bit"}, ())


@pytest.mark.parametrize(
    ("lines", "names", "reason"),
    [
        (["files 3", "kernel/virtio_blk.ko.xz", "x/00-growroot.sh"], {"virtio_blk", "00-growroot.sh"}, ""),
        (["without lz4", "files 0"], set(), "the appliance has no lz4, with which it is packed"),
        (["magic 7f454c460201", "files 0"], set(), "in a way that is not known here (it begins with 7f45"),
        (["files 0"], set(), "it is no archive, or a broken one"),
        ([], set(), "gave no list"),
    ],
)
def test_what_was_said_about_an_initramfs_is_understood(lines, names, reason):
    found = read_listing("/boot/i", lines)
    assert found.names == names
    assert reason in found.reason


def test_a_guestfish_that_is_killed_in_the_middle_of_an_answer_leaves_no_question_waiting(
    tmp_path, fake_tool
):
    fake_tool(
        "guestfish",
        """bash -c 'read -r line < "$6"; rest=${line#*| cat }
        eval "printf part | cat ${rest%%; echo*}"; kill -9 $$' x "$@" """,
    )

    def talk(appliance):
        return [appliance.ask("list-devices") for _ in range(3)]

    with pytest.raises(ToolError, match="exit status 137"):
        ask(tmp_path, talk)
