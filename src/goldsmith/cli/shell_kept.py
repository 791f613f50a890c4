"""What comes after a look at the guest that a failed build has kept, and after its end."""

from typing import TYPE_CHECKING

from goldsmith.errors import UsageError

if TYPE_CHECKING:
    from goldsmith.plan.kept import Kept


def again(kept: "Kept") -> str:
    """Return the command that comes after looking at a kept guest."""
    from goldsmith.plan.kept import BUILDS

    if kept.home != BUILDS:
        return f"goldsmith shell {kept.build} --drop"
    what = "boot test" if kept.boots else "install"
    return f"goldsmith build --resume {kept.build}" + (
        "" if kept.resumable else f" (the {what} begins again)"
    )


def nothing_kept(build: str, note: "Kept | None") -> UsageError:
    """Return the error of a build that has no guest, or none any more, which ``note`` tells of."""
    if note:
        return UsageError(
            f"the guest that {build} kept is gone: {note.ended}", fix="goldsmith show tells more"
        )
    return UsageError(
        f"the build {build} keeps no guest",
        fix="goldsmith build --keep-failed leaves one that fails as it is",
    )
