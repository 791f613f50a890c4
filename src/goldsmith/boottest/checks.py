"""All checks of a boot, in the order in which they are shown."""

from collections.abc import Mapping

from goldsmith.boottest.checks_access import ACCESS
from goldsmith.boottest.checks_identity import IDENTITY, WINDOWS
from goldsmith.boottest.checks_metadata import METADATA, METADATA_WINDOWS
from goldsmith.boottest.checks_system import SYSTEM
from goldsmith.errors import UsageError

CHECKS = (*ACCESS, *SYSTEM, *METADATA, *IDENTITY, *WINDOWS, *METADATA_WINDOWS)
BY_ID = {check.id: check for check in CHECKS}


def known_boot_waivers(waivers: Mapping[str, str], *, own: int = 0) -> None:
    """Raise UsageError for a check that does not exist; ``own`` is how many the recipe has of its own."""
    known = [*BY_ID, *(f"R-{number}" for number in range(1, own + 1))]
    for ident in waivers:
        if ident not in known:
            raise UsageError(f"unknown check of boots {ident!r}", fix=f"one of {', '.join(known)}")
