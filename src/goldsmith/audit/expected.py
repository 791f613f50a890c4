"""What a recipe promises of its Windows, in the words of the audit."""

from goldsmith.audit.facts import ExpectedWindows
from goldsmith.guests.windows_answers import edition_of, said_of, version_of
from goldsmith.guests.windows_versions import VERSIONS, WindowsVersion
from goldsmith.recipe.model import Recipe

_LAST = 99_999  # no build number is higher yet


def expected_windows(recipe: Recipe) -> ExpectedWindows:
    """Return what the audit is to find; an image named by hand promises no edition. Raises RecipeError."""
    version, said = version_of(recipe), said_of(recipe)
    by_hand = said.image_name is not None or said.image_index is not None
    return ExpectedWindows(
        edition=None if by_hand else edition_of(recipe).id,
        builds=_builds(version),
        core=None if by_hand or version.client else said.core,
        rdp=said.rdp,
        clock_utc=said.cloudbase.real_time_clock_utc,
        users=(said.admin_user,) if version.client else (),  # a client's Setup insists on an account
    )


def _builds(version: WindowsVersion) -> tuple[int, int]:
    """Return the build numbers: a server keeps one for life, those of a client go on until the next version."""
    if not version.client:
        return version.build, version.build
    later = [one.build for one in VERSIONS.values() if one.client and one.build > version.build]
    return version.build, min(later, default=_LAST + 1) - 1
