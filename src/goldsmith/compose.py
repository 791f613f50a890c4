"""From the name of a recipe to its stages: everything that must be read from this host before a plan can be made."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from goldsmith.errors import RecipeErrors
from goldsmith.guests import FAMILIES
from goldsmith.guests.kickstart import check_kickstart, kickstart_values
from goldsmith.guests.machine import Machine
from goldsmith.guests.render import expand, render
from goldsmith.guests.writing import Rendered
from goldsmith.host import files
from goldsmith.host.process import Host, LocalHost
from goldsmith.media import named
from goldsmith.plan.stage import Json, Stage
from goldsmith.recipe.load import MEDIA_HELP, load_recipe
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.places import data_folders, find_recipe
from goldsmith.recipe.secrets import Secret, Secrets, Vault
from goldsmith.stages.fetch import local_file, wrong_digest
from goldsmith.stages.table import Ingredients, stages_for
from goldsmith.stages.versions import audit_checks, sysprep_version


@dataclass(frozen=True)
class Where:
    """The project and the state folder of a command."""

    project: Path | None
    state: Path
    uri: str


@dataclass(frozen=True)
class Composed:
    """A recipe with what was made of it; ``vault`` masks its secrets in every log."""

    recipe: Recipe
    kickstart: Rendered
    machine: Machine
    stages: Sequence[Stage]
    vault: Vault
    fresh: set[str] = field(default_factory=set)  # stages that this build runs itself


def load(name: str, where: Where, values: Mapping[str, str]) -> Recipe:
    """Read a recipe by name or path; raises RecipeErrors with all that is wrong in it."""
    families = {one.name: {**one.defaults, MEDIA_HELP: one.media_help} for one in FAMILIES.values()}
    folders = data_folders("recipes", where.project)
    return load_recipe(
        find_recipe(name, folders), families=families, values=values, search=folders, expand=expand
    )


def compose(
    name: str,
    where: Where,
    *,
    values: Mapping[str, str],
    register: bool = True,
    on_hashing: Callable[[int], None] | None = None,
) -> Composed:
    """Return the stages of a recipe. ``on_hashing`` gets the bytes of a medium that must be read for its digest."""
    recipe = load(name, where, values)
    vault = Vault(state=where.state, host=LocalHost())
    kickstart = rendered(recipe, where, vault)
    machine = build_machine(recipe, where)
    fresh: set[str] = set()
    given = Ingredients(
        recipe=recipe,
        family=FAMILIES[recipe.family],
        kickstart=kickstart,
        machine=machine,
        medium=medium_inputs(recipe, where, on_hashing),
        vault=vault,
        secrets=secrets_of(recipe),
        sysprep_version=sysprep_version(LocalHost(), where.state),
        audit_checks=audit_checks(),
        reused=lambda stage: stage not in fresh,
        today=time.time(),
    )
    return Composed(recipe, kickstart, machine, stages_for(given, register=register), vault, fresh)


def rendered(recipe: Recipe, where: Where, vault: Secrets) -> Rendered:
    """Return the recipe's kickstart, with placeholders where secrets belong."""
    folders = data_folders("kickstarts", where.project)
    template = recipe.install.kickstart or f"{recipe.family}.ks.j2"
    return render(template, kickstart_values(recipe), folders=folders, target="kickstart", secrets=vault)


def check(recipe: Recipe, kickstart: Rendered, host: Host) -> None:
    """Raise RecipeErrors for every line of the template that the installer would not take."""
    problems = check_kickstart(kickstart, version=FAMILIES[recipe.family].kickstart_version, host=host)
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
    """Translate ``machine.network``: ``auto`` is libvirt's NAT network, or user networking in a user's session."""
    if wanted == "auto":
        return "user" if "session" in uri else "network=default"
    if wanted == "user":
        return wanted
    kind, _, name = wanted.partition(":")
    return f"bridge={name}" if kind == "bridge" and name else f"network={wanted}"


def medium_inputs(
    recipe: Recipe, where: Where, on_hashing: Callable[[int], None] | None
) -> Mapping[str, Json]:
    """Return what names the medium: its digest, or what it is made of. A large file is read once."""
    media = recipe.media
    source, at = media.location, recipe.at("media", media.kind)
    if source in named.NAMED:
        return named.NAMED[source].inputs()
    if "://" in source:
        return {"url": source, "sha256": media.sha256 or ""}
    file = local_file(source, at=at, help_text=FAMILIES[recipe.family].media_help)
    where.state.mkdir(parents=True, exist_ok=True)
    found = files.sha256_of(file, memo=where.state / "digests.json", on_bytes=on_hashing)
    if media.sha256 and found != media.sha256.lower():
        raise wrong_digest(file, found, media.sha256, recipe.at("media", "sha256"))
    return {"sha256": found}


def secrets_of(recipe: Recipe) -> tuple[Secret, ...]:
    """Return every secret that the recipe refers to, each once."""
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
                walk(getattr(value, field_name))

    walk(recipe)
    return tuple(found.values())
