"""Which stages a recipe becomes, in order."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from goldsmith.audit.check import Profile
from goldsmith.audit.facts import ExpectedWindows
from goldsmith.guests.family import Answer, GuestFamily
from goldsmith.guests.machine import Machine
from goldsmith.guests.watch import Limits
from goldsmith.guests.writing import Rendered
from goldsmith.plan.freshness import freshened
from goldsmith.plan.stage import Stage
from goldsmith.publish.item import Destination
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.promotion import CHANNELS, ChannelPart
from goldsmith.recipe.rhel import RootGrowth
from goldsmith.recipe.secrets import Secret, Vault
from goldsmith.recipe.steps import Step, Via
from goldsmith.stages.audit import Audit
from goldsmith.stages.base import Base
from goldsmith.stages.customize import Customize
from goldsmith.stages.described import computed_properties
from goldsmith.stages.export import Export
from goldsmith.stages.fetch import Fetch
from goldsmith.stages.guest import Guest, Task
from goldsmith.stages.install import Install
from goldsmith.stages.medium import Source
from goldsmith.stages.offline import Offline
from goldsmith.stages.origins import made_from
from goldsmith.stages.register import Register
from goldsmith.stages.said import require_partner, step_inputs, step_name
from goldsmith.stages.seal import Seal
from goldsmith.stages.sparsify import Sparsify
from goldsmith.stages.sysprep import Sysprep
from goldsmith.stages.upload import Upload

if TYPE_CHECKING:  # what not every recipe has is loaded for those that have it
    from goldsmith.boottest.hardware import Hardware
    from goldsmith.boottest.own import OwnCheck
    from goldsmith.stages.attest import Attest
    from goldsmith.stages.openscap import Scan


@dataclass(frozen=True)
class Ingredients:
    """All that a recipe is turned into stages with; nothing here is read from the outside any more."""

    recipe: Recipe
    family: GuestFamily
    kickstart: Rendered | None  # None where the guest starts from an image
    machine: Machine
    source: Source
    vault: Vault
    secrets: Sequence[Secret]
    sysprep_version: str
    audit_checks: str
    reused: Callable[[str], bool]
    today: float  # seconds since the epoch, for steps that are to be done anew after a time
    boot_checks: str = ""
    refresh: bool = False  # what is read from the outside world is read again
    anew_from: str = ""  # the stage from which on nothing is taken from the store
    has: Callable[[str], bool] = lambda _key: False  # whether the store has this result
    dates: Callable[[str], Sequence[str]] = lambda _stage: ()  # of the results that the store has of a stage
    answers: Mapping[str, Rendered] = field(
        default_factory=dict
    )  # of Windows, by their paths on the answer disc
    further: Mapping[str, Source] = field(
        default_factory=dict
    )  # files that the guest needs besides its medium
    channels: Sequence[ChannelPart] = CHANNELS  # of the project: the image enters the first one
    destinations: Sequence[Destination] = ()  # catalogs outside that get what is registered
    attest: "Attest | None" = None  # None where nobody signs
    scan: "Scan | None" = None  # None where the recipe asks for none


def stages_for(
    given: Ingredients, *, register: bool = True, boot_test: bool | None = None
) -> tuple[Stage, ...]:
    """Return the stages of a recipe; pure but for digests of the files it names.

    ``boot_test`` says whether the finished image is booted, whatever the recipe says; None leaves it to the recipe.
    """
    recipe, family = given.recipe, given.family
    stages: list[Stage] = [_fetch(given), *_finished_disk(given)]
    stages += [
        _sparsify(family),
        Export(wanted=recipe.export),
        Audit(
            profile=recipe.audit.profile or family.audit_profile,
            distro=family.distro(recipe.os),
            major=family.release(recipe.os),
            firmware=str(recipe.machine.firmware),
            growroot=recipe.install.root_growth is RootGrowth.GROWROOT,
            windows=_expected_windows(recipe) if family.answer is Answer.UNATTEND else None,
            waivers={one.check: one.reason for one in recipe.audit.waivers},
            checks=given.audit_checks,
            secrets=lambda: [given.vault.reveal(one) for one in given.secrets],
            secret_digests=[given.vault.digest(one) for one in given.secrets],
        ),
    ]
    if given.scan:
        stages.append(given.scan)
    if recipe.boot_test.enabled if boot_test is None else boot_test:
        stages.append(_boot_test(given))
    stages.append(Seal(recipe=recipe, reused=given.reused))
    if given.attest:
        stages.append(given.attest)
    if register:
        stages.append(registration(recipe, family, channels=given.channels))
        stages += [Upload(one) for one in given.destinations]
    return freshened(
        stages,
        now=given.today,
        always=given.refresh,
        anew_from=given.anew_from,
        has=given.has,
        dates=given.dates,
    )


def registration(
    recipe: Recipe, family: GuestFamily, *, channels: Sequence[ChannelPart] = CHANNELS
) -> Register:
    """Return the stage that hands the images of a recipe to the catalog, with all that it promises of them."""
    own, admin, least_ram = dict(family.properties), family.admin_user, family.least_ram
    if family.answer is Answer.UNATTEND:
        from goldsmith.guests.windows_answers import said_of, version_of
        from goldsmith.stages.windows_table import windows_properties

        own |= windows_properties(recipe)
        admin, least_ram = said_of(recipe).admin_user, version_of(recipe).min_memory >> 20
    properties = computed_properties(
        recipe,
        own,
        os_distro=family.distro(recipe.os),
        admin=admin,
        machine_type=family.machine_type,
    )
    return Register(recipe=recipe, properties=properties, least_ram=least_ram, channels=channels)


def _promised_hardware(recipe: Recipe, family: GuestFamily) -> "Hardware":
    """Return the machine that the catalog will promise for the images of a recipe."""
    from goldsmith.boottest.hardware import promised

    entry = registration(recipe, family)
    profile = Profile(recipe.boot_test.profile or recipe.audit.profile or family.audit_profile)
    known = promised(entry.promised(""), min_ram=entry.min_ram, profile=profile)
    return replace(known, system=recipe.os)


def _own_checks(recipe: Recipe) -> Sequence["OwnCheck"]:
    """Return the recipe's own checks of a boot."""
    from goldsmith.boottest.own import OwnCheck

    return [
        OwnCheck(one.name or f"boot_test.checks[{at}]", one.run, one.expect or "", one.timeout)
        for at, one in enumerate(recipe.boot_test.checks, 1)
    ]


def _sparsify(family: GuestFamily) -> Stage:
    if family.answer is not Answer.UNATTEND:
        return Sparsify()
    from goldsmith.stages.windows_sparsify import WindowsSparsify

    return WindowsSparsify()


def _expected_windows(recipe: Recipe) -> ExpectedWindows:
    from goldsmith.audit.expected import expected_windows

    return expected_windows(recipe)


def _boot_test(given: Ingredients) -> Stage:
    from goldsmith.stages.boot_test import BootTest

    recipe = given.recipe
    return BootTest(
        hardware=_promised_hardware(recipe, given.family),
        network=given.machine.network,
        own=_own_checks(recipe),
        waivers={one.check: one.reason for one in recipe.boot_test.waivers},
        timeout=recipe.boot_test.timeout,
        metadata=recipe.boot_test.metadata,
        checks=given.boot_checks,
    )


def _finished_disk(given: Ingredients) -> Sequence[Stage]:
    """Return the stages from nothing to the disk that clones can be made of."""
    recipe, family = given.recipe, given.family
    if family.answer is Answer.UNATTEND:
        from goldsmith.stages.windows_table import windows_stages

        return windows_stages(
            recipe,
            family,
            given.machine,
            answers=given.answers,
            vault=given.vault,
        )
    sysprep = Sysprep(
        enable=recipe.sysprep.enable,
        disable=(*family.sysprep_disable, *recipe.sysprep.disable),
        leftovers=family.leftovers,
        tool=given.sysprep_version,
        machine_id=family.systemd,
    )
    return [_first_disk(given), *_customize(given), sysprep]


def _fetch(given: Ingredients) -> Fetch:
    said = given.recipe
    return Fetch(given.source, said.os, said.arch, os_at=said.at("os"), further=given.further)


def _first_disk(given: Ingredients) -> Stage:
    recipe = given.recipe
    if given.kickstart is not None:
        return _install(given, given.kickstart)
    return Base(
        image=given.source.known,
        family=recipe.family,
        machine=given.machine,
        disk_size=recipe.disk.size,
        at=given.source.at,
        size_at=recipe.at("disk", "size"),
    )


def _install(given: Ingredients, kickstart: Rendered) -> Install:
    recipe, waits = given.recipe, given.recipe.machine.timeouts
    return Install(
        family=given.family,
        machine=given.machine,
        disk_size=recipe.disk.size,
        kickstart=kickstart,
        kickstart_digest=hashlib.sha256(kickstart.text.encode()).hexdigest(),
        boot_arguments=(*given.family.boot_arguments, *recipe.install.boot_arguments),
        limits=Limits(total=waits.install, silence=waits.silence, phase=waits.phase, disk=waits.disk),
        refresh=recipe.install.freshness,
        origins={"kickstart": made_from(recipe, [kickstart], digest=given.vault.digest)},
    )


def _customize(given: Ingredients) -> list[Stage]:
    """One stage for each step; neighbours that need the running guest share a boot, and the last one leaves."""
    recipe = given.recipe
    guest = Guest(
        family=given.family,
        machine=given.machine,
        boot_timeout=recipe.machine.timeouts.boot,
        step_timeout=recipe.machine.timeouts.step,
        reveal=lambda value: given.vault.reveal(value) if isinstance(value, Secret) else value,
        keep_memory=recipe.machine.keep_memory,
    )
    stages: list[Stage] = []
    earlier: tuple[Task, ...] = ()  # that share the layer of the next step
    boot = 1
    for at, step in enumerate(recipe.customize):
        place = recipe.at("customize", at)
        said = step_inputs(step, digest=given.vault.digest, at=place)
        if not step.layer:
            require_partner(recipe, at)
            earlier = (*earlier, Task(step, said, place))
            continue
        name = step_name(at, step, since=at - len(earlier))
        if step.via is Via.OFFLINE:
            stages.append(Offline(name, guest, step, said, place, earlier))
            boot += 1
        else:
            stages.append(Customize(name, f"boot {boot}", guest, step, said, place, earlier))
        earlier = ()
    if _needs_withdrawal(recipe.customize):
        stages.append(Customize("withdraw", f"boot {boot}", guest, None, {}, earlier=earlier))
    return stages


def _needs_withdrawal(steps: Sequence[Step]) -> bool:
    return any(step.via is not Via.OFFLINE for step in steps)
