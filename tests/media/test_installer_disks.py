from dataclasses import replace

import pytest

from goldsmith.media.installer.answers import Partition, Storage
from goldsmith.media.installer.disks import NO_ROOM, Disk, fstab, lay_out, storage_steps, with_uuids
from goldsmith.media.installer.steps import InstallProblem, Mount, Run, Say
from goldsmith.media.installer.voice import voice

GIB = 1024**3
BLANK = {"vda": Disk("vda", 3 * GIB)}
ROOT = Partition("/", "ext4", 1024, grow=True, line=9)
PLAIN = Storage(partitions=(ROOT,), clear=True, initialise=True)


def sizes(layout):
    return [(one.device, one.part.mount, one.start, one.size) for one in layout.volumes]


def test_a_growing_partition_takes_what_is_left():
    layout = lay_out(PLAIN, BLANK)
    assert sizes(layout) == [("/dev/vda1", "/", 1, 3070)]
    assert (layout.disk, layout.table) == ("/dev/vda", "dos")


def test_growing_partitions_share_and_respect_their_limit():
    boot = Partition("/boot", "ext4", 200, grow=True, largest=300)
    layout = lay_out(replace(PLAIN, partitions=(boot, Partition("swap", "swap", 256), ROOT)), BLANK)
    assert sizes(layout) == [
        ("/dev/vda1", "/boot", 1, 300),
        ("/dev/vda2", "swap", 301, 256),
        ("/dev/vda3", "/", 557, 2514),
    ]


def test_a_disk_whose_name_ends_in_a_digit_names_its_partitions_with_p():
    layout = lay_out(PLAIN, {"nvme0n1": Disk("nvme0n1", 3 * GIB)})
    assert layout.root.device == "/dev/nvme0n1p1"


def test_the_steps_make_label_file_systems_and_mounts_in_order():
    boot, swap = Partition("/boot", "ext4", 200), Partition("swap", "swap", 256)
    root = replace(ROOT, fstype="xfs", options="noatime", label="ROOT", make="-i size=512")
    layout = with_uuids(lay_out(replace(PLAIN, partitions=(boot, swap, root)), BLANK), ("U1", "U2", "U3"))
    steps = storage_steps(layout, voice(7).creating)
    said = [one.text for one in steps if isinstance(one, Say)]
    assert said == [
        "Creating disklabel on /dev/vda",
        "Creating ext4 on /dev/vda1",
        "Creating swap on /dev/vda2",
        "Creating xfs on /dev/vda3",
    ]
    programs = [one for one in steps if isinstance(one, Run)]
    assert programs[1].argv == ("sfdisk", "--quiet", "--wipe=always", "/dev/vda")
    assert programs[1].stdin == (
        "label: dos\nstart=1MiB, size=200MiB, type=83, bootable\nstart=201MiB, size=256MiB, type=82\n"
        "start=457MiB, size=2614MiB, type=83\n"
    )
    assert [one.argv for one in programs[3:]] == [
        ("mkfs.ext4", "-q", "-F", "-U", "U1", "/dev/vda1"),
        ("mkswap", "-U", "U2", "/dev/vda2"),
        ("mkfs.xfs", "-q", "-f", "-m", "uuid=U3", "-L", "ROOT", "-i", "size=512", "/dev/vda3"),
    ]
    assert steps[-2:] == [Mount("/dev/vda3", "/", "noatime"), Mount("/dev/vda1", "/boot", "")]
    assert fstab(layout).splitlines()[1:] == [
        "UUID=U1 /boot ext4 defaults 1 2",
        "UUID=U2 none swap defaults 0 0",
        "UUID=U3 / xfs noatime 0 0",
    ]


def test_gpt_gets_its_place_for_grub():
    storage = replace(PLAIN, table="gpt", partitions=(Partition("biosboot", "biosboot", 1), ROOT))
    steps = storage_steps(lay_out(storage, BLANK), voice(7).creating)
    table = next(one.stdin for one in steps if isinstance(one, Run) and one.stdin)
    assert table.splitlines()[:2] == [
        "label: gpt",
        "start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649",
    ]
    assert "type=L" in table


def test_autopart_makes_plain_partitions():
    layout = lay_out(Storage(auto=True, auto_fstype="xfs", clear=True, initialise=True), BLANK)
    assert [(one.part.mount, one.part.fstype) for one in layout.volumes] == [
        ("/boot", "xfs"),
        ("swap", "swap"),
        ("/", "xfs"),
    ]


@pytest.mark.parametrize(
    ("storage", "disks", "text"),
    [
        (replace(PLAIN, partitions=(replace(ROOT, size=9000),)), BLANK, NO_ROOM),
        (replace(PLAIN, initialise=False), BLANK, NO_ROOM),
        (replace(PLAIN, clear=False), {"vda": Disk("vda", 3 * GIB, labelled=True)}, NO_ROOM),
        (replace(PLAIN, partitions=()), BLANK, "You have not defined a root partition"),
        (replace(PLAIN, only=("vdb",)), BLANK, "No usable disks have been found."),
        (replace(PLAIN, ignored=("vda",)), BLANK, "No usable disks have been found."),
        (
            replace(PLAIN, partitions=(replace(ROOT, disk="vdb"),)),
            BLANK,
            'problem occurred on line 9 of the kickstart file:\n\nDisk "vdb" given in partition command does not',
        ),
        (
            replace(PLAIN, partitions=(replace(ROOT, fstype="btrfs"),)),
            BLANK,
            "cannot make / with file system btrfs",
        ),
        (replace(PLAIN, partitions=(replace(ROOT, format=False),)), BLANK, "--noformat is not possible"),
        (
            replace(PLAIN, partitions=(*[Partition("swap", "swap", 10)] * 4, ROOT)),
            BLANK,
            "at most 4 partitions",
        ),
    ],
)
def test_what_cannot_be_laid_out_is_said_in_anacondas_words(storage, disks, text):
    with pytest.raises(InstallProblem) as caught:
        lay_out(storage, disks)
    assert text in str(caught.value)
