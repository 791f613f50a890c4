"""The look into a Windows, with an appliance that knows registry, files and mounts by heart."""

import pytest

from goldsmith.audit import ntfs
from goldsmith.audit.facts import FileSystem, Guest, Partition, System
from goldsmith.audit.hives import read_hives
from goldsmith.audit.listing import decoded
from goldsmith.audit.registry import Registry, Value
from goldsmith.audit.tree import Unseen
from goldsmith.audit.windows import look_into_windows
from goldsmith.media.windows_hives import Raw, encoded

BOOT = r"BCD\Objects\*\Elements\16000049:Element"
START = r"SYSTEM\CurrentControlSet\Services\viostor:Start"


class Appliance:
    """``hives`` are keys with values by the path of the hive; nodes and values are numbers into one list."""

    def __init__(self, hives=(), answers=(), mountable=True):
        self.hives = {path.lower(): spread(keys) for path, keys in dict(hives).items()}
        self.answers = dict(answers)
        self.mountable = mountable
        self.asked = []
        self.keys = None
        self.mounted = ""

    def ask(self, command, *words, must=False):
        self.asked.append((command, *words))
        given = getattr(self, command.replace("-", "_"), None)
        said = given(*words) if given else self.answers.get((command, *words), self.answers.get(command, ""))
        return said if isinstance(said, bytes) else said.encode()

    def text(self, command, *words, must=False):
        return self.ask(command, *words).decode()

    def shell(self, script):
        return next((said for word, said in self.answers.items() if word in script), "")

    def mount_vfs(self, options, kind, device, place):
        self.mounted = device if self.mountable else ""
        return ""

    def mount_ro(self, device, place):
        self.mounted = device
        return ""

    def umount_all(self):
        self.mounted = ""
        return ""

    def mounts(self):
        return f"{self.mounted}\n"

    def is_file(self, path):
        return (
            "true" if f"{self.mounted}{path}".lower() in self.hives or path.lower() in self.hives else "false"
        )

    def hivex_close(self):
        self.keys = None
        return ""

    def hivex_open(self, path):
        self.keys = self.hives.get(f"{self.mounted}{path}".lower(), self.hives.get(path.lower()))
        return ""

    def hivex_root(self):
        return "32\n" if self.keys else ""

    def hivex_node_get_child(self, node, name):
        path = f"{self.path(node)}\\{name}".strip("\\").lower()
        return str(32 + [one.lower() for one in self.keys].index(path)) if self.known(path) else "0\n"

    def hivex_node_children(self, node):
        below = f"{self.path(node)}\\".lstrip("\\")
        found = [one for one in self.keys if one and one.startswith(below) and "\\" not in one[len(below) :]]
        return "".join(f"[0] = {{\n  hivex_node_h: {32 + list(self.keys).index(one)}\n}}\n" for one in found)

    def hivex_node_name(self, node):
        return self.path(node).rpartition("\\")[2] + "\n"

    def hivex_node_get_value(self, node, name):
        names = list(self.keys[self.path(node)])
        return f"{int(node) * 100 + names.index(name)}\n" if name in names else "0\n"

    def hivex_value_type(self, value):
        return f"{self.value(value)[0]}\n"

    def hivex_value_value(self, value):
        return self.value(value)[1]

    def value(self, number):
        values = self.keys[self.path(int(number) // 100)]
        return encoded(list(values.values())[int(number) % 100])

    def path(self, node):
        return list(self.keys)[int(node) - 32]

    def known(self, path):
        return path in [one.lower() for one in self.keys]


def spread(keys):
    found = {"": {}}
    for path, values in keys.items():
        parts = path.split("\\")
        for end in range(1, len(parts) + 1):
            found.setdefault("\\".join(parts[:end]), {})
        found[path] = dict(values)
    return found


def test_the_control_set_is_the_one_that_windows_uses():
    keys = {
        "Select": {"Current": 2},
        r"ControlSet001\Services\viostor": {"Start": 3},
        r"ControlSet002\Services\viostor": {"Start": 0},
    }
    found = read_hives(Appliance({"/s": keys}), {"SYSTEM": "/s"}, [START])
    assert found.number(r"system\currentcontrolset\services\VIOSTOR", "start") == 0


def test_a_star_lists_the_keys_and_their_types():
    keys = {r"Names\Administrator": {"": Raw(500)}, r"Names\ann": {"": Raw(1000)}, "Other": {}}
    found = read_hives(Appliance({"/sam": keys}), {"SAM": "/sam"}, [r"SAM\Names\*:@"])
    assert [(key.path, key.values["@"].kind) for key in found.match(r"SAM\Names\*")] == [
        (r"SAM\Names\Administrator", 500),
        (r"SAM\Names\ann", 1000),
    ]


def test_what_was_not_declared_or_not_read_is_never_absent():
    found = read_hives(Appliance({"/s": {"Select": {"Current": 1}}}), {"SYSTEM": "/s"}, [START, r"SAM\X:Y"])
    assert found.value(r"SYSTEM\CurrentControlSet\Services\viostor", "Start") is None
    with pytest.raises(Unseen, match=r"SYSTEM.Setup was not looked at"):
        found.key(r"SYSTEM\Setup")
    with pytest.raises(Unseen, match="the registry hive SAM cannot be read"):
        found.key(r"SAM\X")


def test_two_declarations_of_one_key_are_joined():
    keys = {"Setup": {"CmdLine": "a", "OOBEInProgress": 1}}
    wanted = [r"SYSTEM\Setup:CmdLine", r"SYSTEM\Setup:OOBEInProgress"]
    found = read_hives(Appliance({"/s": keys}), {"SYSTEM": "/s"}, wanted)
    assert (found.text(r"SYSTEM\Setup", "CmdLine"), found.number(r"SYSTEM\Setup", "OOBEInProgress")) == (
        "a",
        1,
    )


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [("12", "12", 12), ("x", "x", 0), (7, "7", 7), (("a", "b"), "a b", None), (b"\1", None, 1)],
)
def test_values_read_as_text_and_number(value, text, number):
    kept = Value(*encoded(value))
    assert text in (None, kept.text)
    assert number in (None, kept.number)


GUEST = Guest(
    partitions=(Partition("/dev/sda1", 1, 2), Partition("/dev/sda2", 3, 4)),
    filesystems=(FileSystem("/dev/sda2", "ntfs"), FileSystem("/dev/sda1", "vfat")),
    systems=(System("/dev/sda2", "windows", "windows", 10, 0),),
)
ON = {r"Objects\{b}\Elements\16000049": {"Element": b"\1"}}
OFF = {r"Objects\{a}\Elements\16000049": {"Element": b"\0"}}


def test_the_boot_store_of_uefi_comes_before_that_of_bios():
    stores = {"/dev/sda1/EFI/Microsoft/Boot/BCD": ON, "/dev/sda2/boot/bcd": OFF}
    appliance = Appliance(stores, {"readlink": "", "find": ""})
    with pytest.raises(Exception, match="too long to be read"):  # this appliance lists no files
        look_into_windows(appliance, GUEST, sees=[], reads=[], keys=[BOOT])
    opened = [words for words in appliance.asked if words[0] == "hivex-open"]
    assert opened == [("hivex-open", "/EFI/Microsoft/Boot/BCD")]


def test_a_volume_that_cannot_be_mounted_is_a_reason_and_no_crash():
    kinds = (
        "DEVNAME=/dev/sda1\nPART_ENTRY_SCHEME=gpt\nPART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n"
        "DEVNAME=/dev/sda2\nPART_ENTRY_SCHEME=dos\nPART_ENTRY_TYPE=0x7\nPART_ENTRY_FLAGS=0x80\n"
    )
    answers = {"blkid -p": kinds}
    seen = look_into_windows(Appliance({}, answers, mountable=False), GUEST, sees=[], reads=[], keys=[BOOT])
    assert seen.reason == "the system volume /dev/sda2 cannot be mounted"
    assert seen.registry is None
    assert seen.partition_kinds == {
        "/dev/sda1": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
        "/dev/sda2": "active",
    }


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        ("\tVolume Flags: 0x0000\nrc=0", ()),
        ("\tVolume Flags: 0x0001 DIRTY\nrc=0", ("its volume is marked dirty",)),
        ("Windows is hibernated, refused to mount.\nrc=14", ("it is hibernated or was left by fast start",)),
        (
            "\tVolume Flags: 0x0001 DIRTY\nrc=15",
            ("its journal has to be replayed", "its volume is marked dirty"),
        ),
        ("something\nrc=21", ("something",)),
        ("rc=127", ("ntfs-3g is missing in the appliance (package ntfs-3g)",)),
        ("", ("the check gave no result",)),
    ],
)
def test_an_ntfs_is_clean_only_when_its_probe_says_so(said, faults):
    found = ntfs.faults(Appliance((), {"ntfs-3g.probe": said}), "/dev/sda2")
    assert len(found) == len(faults)
    assert all(words in one for one, words in zip(found, faults, strict=True))


def test_logs_are_read_as_their_mark_says():
    assert decoded("\ufeffWörter".encode("utf-16-le")) == "Wörter"
    assert decoded("\ufeffWörter".encode("utf-16-be")) == "Wörter"
    assert decoded("\ufeffWörter".encode()) == "Wörter"
    assert decoded(b"plain \xff") == "plain \ufffd"


def test_registries_of_different_hives_join():
    one = Registry({}, (r"BCD\X",), {"BCD": "gone"})
    both = Registry({}, (r"SYSTEM\X",)).joined(one)
    assert both.key(r"SYSTEM\X") is None
    with pytest.raises(Unseen, match="gone"):
        both.key(r"BCD\X")
