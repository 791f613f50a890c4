"""The table of docs/boot-test.md is written from the checks themselves (GOLDEN=write renews it)."""

import os
from pathlib import Path

from goldsmith.audit.check import ALL, LINUX, Profile
from goldsmith.boottest.check import BootCheck
from goldsmith.boottest.checks import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "boot-test.md"
START, END = "<!-- checks -->\n", "<!-- end of checks -->\n"
NAMED = {
    ALL: "all",
    LINUX: "Linux",
    LINUX - {Profile.RHEL6}: "Linux but rhel6",
    ALL - {Profile.RHEL6}: "all but rhel6",
}


def row(check: BootCheck) -> str:
    profiles = NAMED.get(check.profiles) or ", ".join(str(one) for one in Profile if one in check.profiles)
    cells = [check.id, check.title, profiles, check.severity[0].upper(), check.expected, check.why]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def table() -> str:
    head = "| id | check | profiles | | expected | why |\n|---|---|---|---|---|---|\n"
    return head + "".join(row(check) for check in CHECKS)


def test_the_page_shows_every_check_as_it_is():
    page = PAGE.read_text()
    before, rest = page.split(START)
    shown, after = rest.split(END)
    if os.environ.get("GOLDEN") == "write":
        PAGE.write_text(before + START + table() + END + after)
        return
    assert shown == table(), "GOLDEN=write pytest tests/boottest/test_docs.py renews docs/boot-test.md"
