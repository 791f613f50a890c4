"""Time zones by the names of Windows; the table is Unicode's (CLDR windowsZones), kept up by tzlocal."""

from tzlocal.windows_tz import tz_win, win_tz

from goldsmith.errors import Mark, RecipeError
from goldsmith.recipe.chain import suggest


def windows_zone(name: str, *, at: Mark | None = None) -> str:
    """Return ``W. Europe Standard Time`` for ``Europe/Berlin``; a Windows name stays. Raises RecipeError."""
    if is_windows_zone(name):
        return name
    if name not in tz_win:
        raise RecipeError(f"Windows has no time zone for {name!r}", at=at, fix=suggest(name, sorted(tz_win)))
    return tz_win[name]


def is_windows_zone(name: str) -> bool:
    return name in win_tz
