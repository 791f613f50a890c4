"""The tables of docs/failures.md are written from the patterns themselves (GOLDEN=write renews them)."""

import os
import re
from pathlib import Path

from goldsmith.audit.generalized import CAUSES as SYSPREP
from goldsmith.guests.causes import anaconda, anaconda6, content, firmware, linux
from goldsmith.guests.windows import CONSOLE
from goldsmith.guests.windows_causes import CAUSES as WINDOWS
from goldsmith.guests.windows_causes import LOOP

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"
START, END = "<!-- causes -->\n", "<!-- end of causes -->\n"
SHARED = {*linux.KERNEL, *linux.EARLY_BOOT, *firmware.FIRMWARE, *content.CONTENT, *content.REPOSITORY}
SECTIONS = {
    "Installs of RHEL 7 and later, and of the demo": [one for one in anaconda.ANACONDA if one not in SHARED],
    "Installs of RHEL 6": [one for one in anaconda6.ANACONDA_6 if one not in SHARED],
    "Registration, repositories, names": [*content.CONTENT, *content.REPOSITORY],
    "Early boot of an installer or an image": linux.EARLY_BOOT,
    "Kernel": linux.KERNEL,
    "Firmware and boot loader": firmware.FIRMWARE,
    "First boot": linux.FIRST_BOOT,
    "Installs of Windows, by the firmware and by our scripts": CONSOLE.failures,
    "Windows Setup, by its logs": WINDOWS,
    "Sysprep, by its logs": SYSPREP,
    "First start of Windows, by what Cloudbase-Init writes to COM1": [LOOP],
}


def words(cause):
    """Return a cause with what the guest fills in as an ellipsis."""
    return re.sub(r"(?:\{\d\})+", "…", cause)


def row(one):
    lines = one.example.splitlines()
    pattern = re.compile(one.pattern, re.IGNORECASE) if isinstance(one.pattern, str) else one.pattern
    shown = next(f"`{' '.join(line.split())}`" for line in lines if pattern.search(line))
    stuck = " *(if stuck)*" if getattr(one, "waits", False) else ""
    cells = [words(one.cause) + stuck, shown, words(one.fix)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def tables():
    head = "| cause | what is seen, for example | what to do |\n|---|---|---|\n"
    parts = [f"## {title}\n\n{head}{''.join(map(row, known))}" for title, known in SECTIONS.items()]
    return "\n".join(parts)


def test_the_page_shows_every_cause_as_it_is():
    page = PAGE.read_text()
    before, rest = page.split(START)
    shown, after = rest.split(END)
    if os.environ.get("GOLDEN") == "write":
        PAGE.write_text(before + START + tables() + END + after)
        return
    assert shown == tables(), "GOLDEN=write pytest tests/guests/test_failures_page.py renews docs/failures.md"
