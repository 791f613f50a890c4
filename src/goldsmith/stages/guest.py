"""What all customize stages know of the guest they change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from goldsmith.errors import Mark
from goldsmith.guests.family import GuestFamily
from goldsmith.guests.machine import Machine
from goldsmith.plan.stage import Inputs
from goldsmith.recipe.secrets import Secret
from goldsmith.recipe.steps import Refresh, Step


@dataclass(frozen=True)
class Guest:
    """What all steps of a recipe share; times are seconds."""

    family: GuestFamily
    machine: Machine
    boot_timeout: float
    step_timeout: float
    reveal: Callable[[str | Secret], str]
    tpm: bool = False
    secure_boot: bool = False
    keep_memory: bool = True  # beside a layer, so that a later build goes on without a boot


@dataclass(frozen=True)
class Task:
    """One step of a recipe, what it says as inputs of a key, and where it says it."""

    step: Step
    said: Inputs
    at: Mark | None = None


class OfSteps:
    """How old the layer of some steps may be: what one of them read from the outside world is as of its making."""

    @property
    def steps(self) -> Sequence[Step]:
        raise NotImplementedError

    @property
    def refresh(self) -> Refresh:
        by_age = (Refresh.ALWAYS, Refresh.DAILY, Refresh.WEEKLY)
        wanted = {one.freshness for one in self.steps}
        return next((one for one in by_age if one in wanted), Refresh.NEVER)

    @property
    def reads(self) -> str:
        return ", ".join(one.title for one in self.steps if one.freshness is not Refresh.NEVER)


def said_with(earlier: Sequence[Task], said: Inputs) -> Inputs:
    """Return the inputs of a layer that other steps share, which are done first."""
    return {**said, "earlier": [one.said for one in earlier]} if earlier else said
