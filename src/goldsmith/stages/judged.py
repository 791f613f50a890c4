"""Whether there are the checks, profiles and waivers that a recipe names for the audit and the boot test."""

from collections.abc import Callable, Iterator
from functools import partial

from goldsmith.errors import RecipeError, UsageError
from goldsmith.recipe.model import Recipe


def audit_problems(recipe: Recipe) -> Iterator[RecipeError]:
    """Yield each that is not there, at its place."""
    told = (recipe.audit.profile, recipe.boot_test.profile, recipe.audit.waivers, recipe.boot_test.waivers)
    if not any(told):
        return
    from goldsmith.audit.run import known_profile, known_waivers
    from goldsmith.boottest.checks import known_boot_waivers

    questions: list[tuple[Callable[[], None], tuple[str | int, ...]]] = []
    for part, profile in (("audit", recipe.audit.profile), ("boot_test", recipe.boot_test.profile)):
        if profile:
            questions.append((partial(known_profile, profile), (part, "profile")))
    known_boots = partial(known_boot_waivers, own=len(recipe.boot_test.checks))
    for part, known in (("audit", known_waivers), ("boot_test", known_boots)):
        for at, one in enumerate(getattr(recipe, part).waivers):
            questions.append((partial(known, {one.check: one.reason}), (part, "waivers", at)))
    for ask, place in questions:
        try:
            ask()
        except UsageError as error:
            yield RecipeError(error.problem, at=recipe.at(*place), fix=error.fix)
