"""Why an install of Windows failed, by the logs that were brought from its disk."""

import pytest

from goldsmith.errors import GuestError
from goldsmith.guests.watch import UNKNOWN
from goldsmith.guests.windows_causes import Errors, cause_in
from goldsmith.stages.windows_disk import errors_in, with_cause

SIGNATURE = "!!!  sig: Driver package INF file hash is not present in catalog file. Error = 0xE000024B"
UNHEARD_OF = "2024-03-05 09:31:10, Error      [0x0b0022] MOUPG  Result = 0xC190020E"
KEY = "2024-03-05 09:13:31, Error      [0x0604b8] IBS    The product key cannot be validated; hr = 0xC004F050"


def test_errors_are_told_apart_by_who_wrote_them_and_those_of_setuperr_come_first(tmp_path):
    (tmp_path / "windows-panther-setupact.log").write_text(
        "2024-01-01 10:00:00, Info       SP     all is well\n2024-01-01 10:00:01, Error      SP     from act\n"
    )
    (tmp_path / "windows-panther-setuperr.log").write_text("2024-01-01 10:00:01, Error   SP  from err\n\n")
    (tmp_path / "windows-inf-setupapi.dev.log").write_text("     sto: fine\n!!!  sig: bad signature\n")
    (tmp_path / "windows-panther-unattend.xml").write_text("<Error/>")
    (tmp_path / "windows.~bt-sources-panther-setupact.log").write_text(
        "2024-01-01 10:00:01, Error   SP  from err\n"
    )
    (tmp_path / "virtio.log").write_text("10:00 ERROR  from msi\n")
    found = errors_in(sorted(tmp_path.iterdir()))
    assert [line.rpartition("  ")[2] for line in found.setup] == ["from err", "from act"]
    assert found.others == ["10:00 ERROR  from msi"]
    assert found.drivers == ["!!!  sig: bad signature"]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("Error  [setup.exe] The unattend answer file is invalid", "Setup refuses the answer file"),
        ("Error  IBS  No image matches the name Windows Server 2022 X", "does not find the wanted image"),
        ("Error  The product key is not valid for this edition", "Setup refuses the product key"),
        ("Error  Setup cannot find any disks", "Setup sees no disk"),
        ("!!!  sig: Error 0xe0000247: the driver is not signed", "refuses the signature of a driver"),
        ("Error  CBS  0x80070070", "the guest's disk is full"),
    ],
)
def test_a_line_of_setup_becomes_a_cause_and_a_cure(line, cause):
    found = cause_in(Errors(["nothing of interest", line]))
    assert found is not None
    kind, words, seen = found
    assert cause in words
    assert seen == line
    assert kind.fix


def test_lines_that_tell_nothing_have_no_cause():
    assert cause_in(Errors(["Error  something else"])) is None


def cause(**errors):
    found = cause_in(Errors(**errors))
    return found and found[1]


def test_setups_own_log_comes_before_that_of_the_drivers():
    assert cause(setup=[UNHEARD_OF, KEY], drivers=[SIGNATURE]) == "Setup refuses the product key"
    assert cause(setup=[KEY], others=["Error  CBS  0x80070070"]) == "Setup refuses the product key"
    assert cause(setup=[UNHEARD_OF], others=["Error  CBS  0x80070070"]) == "the guest's disk is full"


def test_in_one_log_the_first_error_is_the_cause_and_what_follows_its_consequence():
    refused = "2024-03-05 09:12:44, Error      [0x060432] IBS    The provided unattend file is not valid"
    assert cause(setup=[KEY, refused]) == "Setup refuses the product key"
    assert cause(setup=[refused, KEY]) == "Setup refuses the answer file"


def test_the_signature_of_some_driver_is_the_cause_only_where_setup_names_no_error():
    assert cause(setup=[UNHEARD_OF], drivers=[SIGNATURE]) is None
    assert cause(drivers=[SIGNATURE]) == "Windows refuses the signature of a driver"
    assert cause(others=["ERROR of another"], drivers=[SIGNATURE]) is not None


def test_an_unknown_cause_is_told_as_that_with_the_errors_of_each_log():
    stuck = GuestError(f"the guest has written nothing; {UNKNOWN}", fix="see the screenshot", evidence=["a"])
    told = with_cause(stuck, Errors([UNHEARD_OF], drivers=[SIGNATURE] * 99))
    assert told.problem == f"the guest has written nothing; {UNKNOWN}, nor in the logs of its disk"
    assert told.fix == "see the screenshot"
    assert told.evidence == ("a", UNHEARD_OF, *[SIGNATURE] * 5)


def test_a_cause_in_the_logs_takes_the_place_of_an_unknown_one():
    stuck = GuestError(f"the guest has written nothing; {UNKNOWN}", evidence=["a"])
    told = with_cause(stuck, Errors([UNHEARD_OF, KEY]))
    assert told.problem == "the guest has written nothing: Setup refuses the product key"
    assert told.evidence == ("a", KEY)


def test_what_the_console_told_is_not_called_unknown():
    told = with_cause(GuestError("installing viostor ended with exit status 1603"), Errors([UNHEARD_OF]))
    assert told.problem == "installing viostor ended with exit status 1603"
