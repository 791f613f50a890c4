"""Which stages of their own a recipe for Windows has, in order; what all guests share is in table.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldsmith.guests.family import GuestFamily
from goldsmith.guests.machine import Machine
from goldsmith.guests.watch import Limits
from goldsmith.guests.windows_answers import said_of, version_of
from goldsmith.guests.writing import Rendered
from goldsmith.plan.stage import Stage
from goldsmith.recipe.model import Firmware, Recipe
from goldsmith.recipe.secrets import Secret, Vault
from goldsmith.recipe.windows import Requirements
from goldsmith.stages.guest import Guest, Task
from goldsmith.stages.origins import made_from
from goldsmith.stages.said import step_inputs, step_name
from goldsmith.stages.windows_customize import WindowsStep, WindowsUpdates
from goldsmith.stages.windows_install import WindowsInstall
from goldsmith.stages.windows_sysprep import WindowsSysprep

BOOT = "boot 1"  # the one that all steps share


@dataclass(frozen=True)
class Hardware:
    """What the machine of this Windows has besides; Setup refuses Windows 11 without."""

    tpm: bool
    secure_boot: bool


def hardware_of(recipe: Recipe) -> Hardware:
    wanted = version_of(recipe).tpm and said_of(recipe).requirements is Requirements.REAL
    has = wanted and recipe.machine.firmware is Firmware.UEFI
    return Hardware(tpm=has, secure_boot=has)


def windows_stages(
    recipe: Recipe,
    family: GuestFamily,
    machine: Machine,
    *,
    answers: Mapping[str, Rendered],
    vault: Vault,
) -> Sequence[Stage]:
    """Return the stages from the install to the generalized disk."""
    waits, hardware = recipe.machine.timeouts, hardware_of(recipe)
    guest = Guest(
        family=family,
        machine=machine,
        boot_timeout=waits.boot,
        step_timeout=waits.step,
        reveal=lambda value: vault.reveal(value) if isinstance(value, Secret) else value,
        tpm=hardware.tpm,
        secure_boot=hardware.secure_boot,
    )
    install = WindowsInstall(
        family=family,
        recipe=recipe,
        machine=machine,
        tpm=hardware.tpm,
        secure_boot=hardware.secure_boot,
        answers=answers,
        limits=Limits(total=waits.install, silence=waits.silence, phase=waits.phase, disk=waits.disk),
        origins={"answers": made_from(recipe, answers.values(), digest=vault.digest)},
    )
    stages: list[Stage] = [install]
    if rounds := said_of(recipe).update_rounds:
        place = recipe.at("windows", "update_rounds")
        stages.append(WindowsUpdates(BOOT, guest, rounds, said_of(recipe).update_refresh, place))
    return [*stages, *_steps(recipe, guest, vault), WindowsSysprep(BOOT, guest)]


def _steps(recipe: Recipe, guest: Guest, vault: Vault) -> Sequence[Stage]:
    stages: list[Stage] = []
    earlier: tuple[Task, ...] = ()  # that share the layer of the next step
    for at, step in enumerate(recipe.customize):
        place = recipe.at("customize", at)
        task = Task(step, step_inputs(step, digest=vault.digest, at=place), place)
        last = at + 1 == len(recipe.customize)
        if not step.layer and not last:
            earlier = (*earlier, task)
            continue
        stages.append(WindowsStep(step_name(at, step, since=at - len(earlier)), BOOT, guest, task, earlier))
        earlier = ()
    return stages


def windows_properties(recipe: Recipe) -> Mapping[str, str]:
    """Return the image properties that follow from which Windows it is (Nova and Glance read these names)."""
    title, hardware = version_of(recipe).title, hardware_of(recipe)
    found = {"os_version": title.removeprefix("Windows ").removeprefix("Server ")}
    if hardware.tpm:
        found |= {"hw_tpm_model": "tpm-crb", "hw_tpm_version": "2.0"}
    if hardware.secure_boot:
        found |= {"os_secure_boot": "required"}
    return found
