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
        return UsageError(f"the guest that {build} kept is gone: {note.ended}", fix=_without(note))
    return UsageError(
        f"the build {build} keeps no guest",
        fix="goldsmith build --keep-failed leaves one that fails as it is",
    )


def _without(note: "Kept") -> str:
    """Return what there is to do where the guest is gone; nothing where a boot test alone had it."""
    from goldsmith.plan.kept import BUILDS, BY

    if note.ended.startswith(BY):
        return f"goldsmith show {note.ended.removeprefix(BY)}"
    if note.home != BUILDS:
        return ""
    return f"goldsmith build --resume {note.build} goes on from the last good layer"
