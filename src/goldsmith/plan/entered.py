"""What a person may have changed in a guest while it was built: it is of that build alone."""

from goldsmith.plan.kept import ENTERED, MENDED
from goldsmith.plan.stage import Context
from goldsmith.plan.store import Store


def entered(context: Context) -> str:
    """Return the build where a shell was opened in its guest, as what it makes from then on notes; else ""."""
    return context.build if (context.folder / ENTERED).exists() else ""


def by_hand(context: Context) -> tuple[str, ...]:
    """Say what a person may have changed in the image of this build, for its manifest and its catalog entry."""
    told = [
        f"went on from the guest that {one.removeprefix(MENDED)} kept"
        for one in context.results
        if one.startswith(MENDED)
    ]
    store = Store(context.state)
    if entered(context) or any(one and store.entered_by(one.key) for one in context.results.values()):
        told.append("a shell was opened in its guest")
    return tuple(told)
