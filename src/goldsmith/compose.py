"""From the name of a recipe to its stages: everything that must be read from this host before a plan can be made."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from goldsmith.errors import RecipeErrors
from goldsmith.guests import FAMILIES, rhel, windows_rules
from goldsmith.guests.family import Answer
from goldsmith.guests.kickstart import check_kickstart, render_kickstart
from goldsmith.guests.machine import Machine
from goldsmith.guests.render import expand
from goldsmith.guests.writing import Rendered
from goldsmith.host.domains import NETWORK
from goldsmith.host.process import Host, LocalHost
from goldsmith.plan.freshness import dates_of
from goldsmith.plan.stage import Stage
from goldsmith.plan.store import Store
from goldsmith.publish.item import Destination
from goldsmith.recipe.load import load_recipe
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.places import data_folders, find_recipe
from goldsmith.recipe.project import load_project
from goldsmith.recipe.secrets import Secret, Secrets, Vault
from goldsmith.stages.fetch import Fetch
from goldsmith.stages.judged import audit_problems
from goldsmith.stages.medium import NOWHERE, Source, find_source
from goldsmith.stages.remote import Looking
from goldsmith.stages.table import Ingredients, stages_for
from goldsmith.stages.versions import audit_checks, boot_checks, sysprep_version

if TYPE_CHECKING:  # what not every recipe has is loaded for those that have it
    from goldsmith.stages.attest import Attest
    from goldsmith.stages.openscap import Scan


@dataclass(frozen=True)
class Where:
    """The project and the state folder of a command."""

    project: Path | None
    state: Path
    uri: str


@dataclass(frozen=True)
class Composed:
    """A recipe with what was made of it; ``vault`` masks its secrets in every log.

    There is no kickstart where the guest is not installed but starts from an image, nor for Windows, which has
    ``answers`` by their paths on a disc of their own.
    """

    recipe: Recipe
    kickstart: Rendered | None
    machine: Machine
    stages: Sequence[Stage]
    vault: Vault
    fresh: set[str] = field(default_factory=set)  # stages that this build runs itself
    answers: Mapping[str, Rendered] = field(default_factory=dict)


def load(name: str, where: Where, values: Mapping[str, str]) -> Recipe:
    """Read a recipe by name or path; raises RecipeErrors with all that is wrong in it."""
    families = {name: one.for_recipes() for name, one in FAMILIES.items()}
    folders = data_folders("recipes", where.project)
    recipe = load_recipe(
        find_recipe(name, folders), families=families, values=values, search=folders, expand=expand
    )
    if unfit := [*windows_rules.problems(recipe, FAMILIES[recipe.family]), *audit_problems(recipe)]:
        raise RecipeErrors(unfit)
    return recipe


def compose(
    name: str,
    where: Where,
    *,
    values: Mapping[str, str],
    register: bool = True,
    boot_test: bool | None = None,
    refresh: bool = False,
    destinations: Sequence[Destination] = (),
    on_hashing: Callable[[int], None] | None = None,
    today: float | None = None,
    anew_from: str = "",
    looking: Looking = NOWHERE,
) -> Composed:
    """Return the stages of a recipe. ``on_hashing`` gets the bytes of a medium that must be read for its digest.

    ``today`` is the time of a build that is gone on with, in seconds since the epoch; else it is now. From the stage
    ``anew_from`` on nothing is going to be taken from the store. ``looking`` says how far to go for media by URL.
    """
    recipe, now = load(name, where, values), today or time.time()
    looking = replace(looking, now=now, always=refresh, anew=anew_from == "fetch")
    vault, store = Vault(state=where.state, host=LocalHost()), Store(where.state)
    (kickstart, answers), machine = _answer_files(recipe, where, vault), build_machine(recipe, where)
    fresh: set[str] = set()
    given = Ingredients(
        recipe=recipe,
        family=FAMILIES[recipe.family],
        kickstart=kickstart,
        machine=machine,
        source=_source(recipe, where, on_hashing, looking),
        vault=vault,
        secrets=(*secrets_of(recipe), *([_build_password()] if answers else [])),
        sysprep_version=sysprep_version(LocalHost(), where.state),
        audit_checks=audit_checks(),
        boot_checks=boot_checks(),
        refresh=refresh,
        reused=lambda stage: stage not in fresh,
        today=now,
        anew_from=anew_from,
        has=store.has,
        dates=partial(dates_of, store),
        answers=answers,
        channels=load_project(where.project).channels,
        further=_further_sources(recipe, where, on_hashing) if answers else {},
        destinations=destinations,
        attest=attestation(where, vault),
        scan=_scan(recipe, where),
    )
    stages = stages_for(given, register=register, boot_test=boot_test)
    return Composed(recipe, kickstart, machine, stages, vault, fresh, answers)


def _answer_files(
    recipe: Recipe, where: Where, vault: Vault
) -> tuple[Rendered | None, Mapping[str, Rendered]]:
    """Return the kickstart and the files for Windows; raises RecipeErrors where a secret or a digest lacks."""
    if lacking := list(rhel.unregistrable(recipe, vault)):
        raise RecipeErrors(lacking)
    kickstart, answers = rendered(recipe, where, vault), windows_answers(recipe, where, vault)
    if answers:
        from goldsmith.guests.windows_needs import check_digests

        if unknown := check_digests(recipe):
            raise RecipeErrors(unknown)
    return kickstart, answers


def _build_password() -> Secret:
    from goldsmith.guests.windows_answers import BUILD_PASSWORD

    return BUILD_PASSWORD


def _source(
    recipe: Recipe, where: Where, on_hashing: Callable[[int], None] | None, looking: Looking
) -> Source:
    said = FAMILIES[recipe.family].media_help
    return find_source(recipe, where.state, media_help=said, on_hashing=on_hashing, looking=looking)


def _further_sources(
    recipe: Recipe, where: Where, on_hashing: Callable[[int], None] | None
) -> Mapping[str, Source]:
    from goldsmith.stages.windows_sources import further_sources

    return further_sources(recipe, where.state, on_hashing=on_hashing)


def _scan(recipe: Recipe, where: Where) -> "Scan | None":
    if recipe.openscap is None:
        return None
    from goldsmith.stages.openscap import scan_of

    return scan_of(recipe, where.state / "digests.json")


def held_to_lock(composed: Composed, where: Where) -> Composed:
    """Return the stages with the check that the guest is what its lock says.

    Raises UsageError where there is no lock, GateError where a medium is known to be another one.
    """
    from goldsmith.stages.locked import MEDIUM_NAME, Locked, check_media, lock_path, read_lock

    fetch = next(one for one in composed.stages if isinstance(one, Fetch))
    lock = read_lock(lock_path(composed.recipe, where.project), composed.recipe.name)
    media = {MEDIUM_NAME: fetch.source, **fetch.further}
    check_media(lock, {name: one.sha256 for name, one in media.items() if not one.is_made_here})
    stages = list(composed.stages)
    at = next(number for number, one in enumerate(stages) if one.name == "audit") + 1
    return replace(composed, stages=(*stages[:at], Locked(lock), *stages[at:]))


def attestation(where: Where, secrets: Secrets) -> "Attest | None":
    """Return the stage that signs, where goldsmith.yaml says who does; the key is not opened yet."""
    said = load_project(where.project).signing
    if said is None or where.project is None:
        return None
    from goldsmith.recipe.signing import signer_places
    from goldsmith.signing.certificates import load_certificate
    from goldsmith.stages.attest import Attest

    places = signer_places(said, where.project, secrets)
    certificate = load_certificate(places.certificate).fingerprint
    return Attest(signer=places.load, certificate=certificate, method=said.hash, builder=said.builder)


def rendered(recipe: Recipe, where: Where, vault: Secrets) -> Rendered | None:
    """Return the recipe's kickstart, with placeholders where secrets belong; None where nothing is installed."""
    if recipe.media.kind == "image" or FAMILIES[recipe.family].answer is not Answer.KICKSTART:
        return None
    folders = data_folders("kickstarts", where.project)
    template = recipe.install.kickstart or f"{recipe.family}.ks.j2"
    return render_kickstart(recipe, template, folders=folders, secrets=vault)


def windows_answers(recipe: Recipe, where: Where, vault: Secrets) -> Mapping[str, Rendered]:
    """Return the files of the disc that answers for a person; none but for Windows."""
    if FAMILIES[recipe.family].answer is not Answer.UNATTEND:
        return {}
    from goldsmith.guests.windows_answers import render_answers

    return render_answers(recipe, folders=data_folders("templates", where.project), secrets=vault)


def check(
    recipe: Recipe, kickstart: Rendered | None, host: Host, *, answers: Mapping[str, Rendered] | None = None
) -> None:
    """Raise RecipeErrors for what would fail late: lines that the installer would not take, sizes too small."""
    version = FAMILIES[recipe.family].kickstart_version
    problems = check_kickstart(kickstart, version=version, host=host) if kickstart else []
    if FAMILIES[recipe.family].answer is Answer.UNATTEND:
        from goldsmith.guests.windows_needs import check_answers, check_windows

        problems += [*check_windows(recipe), *check_answers(answers or {})]
    else:
        problems += rhel.problems(recipe)
    if problems:
        raise RecipeErrors(problems)


def build_machine(recipe: Recipe, where: Where) -> Machine:
    """Return the build machine, with empty places for what only a run knows."""
    return Machine(
        name="",
        uri=where.uri,
        description="",
        virt_type="",
        memory=recipe.machine.memory,
        vcpus=recipe.machine.vcpus,
        osinfo=recipe.os,
        machine_type=FAMILIES[recipe.family].machine_type,
        firmware=recipe.machine.firmware.value,
        disk=Path(),
        bus=recipe.disk.bus.value,
        network=network(recipe.machine.network, where.uri),
        console=Path(),
    )


def network(wanted: str, uri: str) -> str:
    """Translate ``machine.network``: ``auto`` is Goldsmith's own NAT network, or QEMU's in a user's session."""
    if wanted == "auto":
        return "user" if "session" in uri else f"network={NETWORK}"
    if wanted == "user":
        return wanted
    kind, _, name = wanted.partition(":")
    return f"bridge={name}" if kind == "bridge" and name else f"network={wanted}"


def secrets_of(recipe: Recipe) -> tuple[Secret, ...]:
    """Return every secret that a build of the recipe uses, each once; an image is not installed."""
    found: dict[str, Secret] = {}

    def walk(value: object) -> None:
        if isinstance(value, Secret):
            found.setdefault(value.reference, value)
        elif isinstance(value, Mapping):
            for one in value.values():
                walk(one)
        elif isinstance(value, list | tuple):
            for one in value:
                walk(one)
        else:
            for field_name in getattr(type(value), "model_fields", ()):
                if not (value is recipe and field_name == "install" and recipe.media.kind == "image"):
                    walk(getattr(value, field_name))

    walk(recipe)
    return tuple(found.values())
