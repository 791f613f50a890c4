"""Why an install of Windows failed, by the logs that were brought from its disk."""

import pytest

from goldsmith.guests.windows_causes import cause_in
from goldsmith.stages.windows_disk import errors_in


def test_the_logs_that_hold_nothing_but_errors_come_first(tmp_path):
    (tmp_path / "windows-panther-setupact.log").write_text(
        "2024-01-01 10:00:00, Info       SP     all is well\n2024-01-01 10:00:01, Error      SP     from act\n"
    )
    (tmp_path / "windows-panther-setuperr.log").write_text("2024-01-01 10:00:01, Error   SP  from err\n\n")
    (tmp_path / "windows-inf-setupapi.dev.log").write_text("     sto: fine\n!!!  sig: bad signature\n")
    (tmp_path / "windows-panther-unattend.xml").write_text("<Error/>")
    found = list(errors_in(sorted(tmp_path.iterdir())))
    assert [line.rpartition("  ")[2] for line in found] == [
        "from err",
        "sig: bad signature",
        "     from act".strip(),
    ]


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
    found = cause_in(["nothing of interest", line])
    assert found is not None
    kind, words, seen = found
    assert cause in words
    assert seen == line
    assert kind.fix


def test_lines_that_tell_nothing_have_no_cause():
    assert cause_in(["Error  something else"]) is None
