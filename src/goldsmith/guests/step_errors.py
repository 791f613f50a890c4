"""How a customize step that fails is told, whatever guest it ran in."""

from collections.abc import Iterator
from contextlib import contextmanager

from goldsmith.errors import GuestError, Mark
from goldsmith.recipe.steps import Step


@contextmanager
def told_as(step: Step, at: Mark | None) -> Iterator[None]:
    """Name the step and its place in the recipe in a failure that names no place of its own."""
    try:
        yield
    except GuestError as error:
        if error.at or at is None:
            raise
        raise type(error)(
            f"step '{step.title}': {error.problem}",
            at=at,
            evidence=error.evidence,
            fix=error.fix
            or "the lines above are the step's last; mend it and build again, earlier steps are kept",
        ) from None
