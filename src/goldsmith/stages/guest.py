"""What all customize stages know of the guest they change."""

from collections.abc import Callable
from dataclasses import dataclass

from goldsmith.guests.family import GuestFamily
from goldsmith.guests.machine import Machine
from goldsmith.recipe.secrets import Secret


@dataclass(frozen=True)
class Guest:
    """What all steps of a recipe share; times are seconds."""

    family: GuestFamily
    machine: Machine
    boot_timeout: float
    step_timeout: float
    reveal: Callable[[str | Secret], str]
