"""Deleted values in registry hives: overwritten, and all that is in use stays."""

import struct

import pytest

from goldsmith.guests.hive_slack import HiveNotCleanError, scrubbed
from goldsmith.media.windows_hives import hive
from goldsmith.media.windows_setup.hive import Key, dump, load, string

PASSWORD = "Gs1-only-for-the-build"


def with_slack():
    root = Key("$$$PROTO.HIV")
    root.put(r"Microsoft\Windows NT\CurrentVersion", string("ProductName", "Windows Server 2022 Standard"))
    root.freed.append(PASSWORD.encode("utf-16-le"))
    return dump(root, name="SOFTWARE")


def test_what_a_deleted_value_left_is_gone_and_the_other_values_are_not():
    before = with_slack()
    assert PASSWORD.encode("utf-16-le") in before
    after = scrubbed(before)
    assert PASSWORD.encode("utf-16-le") not in after
    assert len(after) == len(before)
    assert (
        load(after).text(r"Microsoft\Windows NT\CurrentVersion", "ProductName")
        == "Windows Server 2022 Standard"
    )
    assert load(after).freed == []


def test_room_behind_the_last_bin_is_overwritten():
    before = with_slack() + b"old".ljust(4096, b"\0")
    assert scrubbed(before)[-4096:] == bytes(4096)


def test_a_hive_without_slack_stays_as_it_is():
    data = hive({r"Setup": {"SystemSetupInProgress": 0}})
    assert scrubbed(data) == data


def broken(at, form, *values):
    data = bytearray(with_slack())
    struct.pack_into(form, data, at, *values)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"MZ", "it is no registry hive"),
        (broken(4, "<II", 8, 7), "its last changes are in its logs only"),
        (with_slack()[:-1], "shorter than its header says"),
        (broken(4096, "4s", b"none"), "there is no bin at byte 4096"),
        (broken(4096 + 32, "<i", 0), "there is no cell at byte 4128"),
        (broken(4096 + 32, "<i", 1 << 20), "there is no cell at byte 4128"),
    ],
)
def test_a_hive_that_is_not_whole_and_clean_is_left_as_it_is(data, words):
    with pytest.raises(HiveNotCleanError, match=words):
        scrubbed(data)
