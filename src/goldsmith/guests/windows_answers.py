"""The files that answer for a person while Windows is installed: what their templates get, and how they are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import RecipeError
from goldsmith.guests.quoting import Target
from goldsmith.guests.render import render
from goldsmith.guests.timezones import windows_zone
from goldsmith.guests.windows_versions import (
    ALL_DRIVERS,
    SETUP_DRIVERS,
    VERSIONS,
    EditionFacts,
    WindowsVersion,
)
from goldsmith.guests.writing import Rendered
from goldsmith.recipe.chain import suggest
from goldsmith.recipe.model import Bus, Recipe
from goldsmith.recipe.secrets import Secret, Secrets
from goldsmith.recipe.windows import Requirements, Windows

MARKER = "GOLDSMITH-INSTALL-OK"
LABEL = "GOLDSMITH"  # volume label of the answer medium
LETTERS = "DEFGHI"  # where the guest looks for it
FOLDER = "goldsmith"  # on the answer medium, and on the guest's C:
BUILD_PASSWORD = Secret(
    "build:administrator"
)  # not the recipe's: made anew, and gone from the finished image
GENERIC, NO_KEY = "generic", "none"
ARCH = "amd64"
_INF = {"NetKVM": "netkvm.inf", "Balloon": "balloon.inf", "vioserial": "vioser.inf"}  # the others: NAME.inf


@dataclass(frozen=True)
class AnswerFile:
    """One rendered file: ``template`` in templates/, ``path`` on the answer medium."""

    path: str
    template: str
    target: Target


FILES = (
    AnswerFile("Autounattend.xml", "autounattend.xml.j2", Target.XML),
    AnswerFile("goldsmith/build.cmd", "windows/build.cmd.j2", Target.CMD),
    AnswerFile("goldsmith/generalize.cmd", "windows/generalize.cmd.j2", Target.CMD),
    AnswerFile("goldsmith/update.ps1", "windows/update.ps1.j2", Target.TEXT),
    AnswerFile("goldsmith/Unattend.xml", "windows/unattend.xml.j2", Target.XML),
    AnswerFile("goldsmith/cloudbase-init.conf", "windows/cloudbase-init.conf.j2", Target.INI),
    AnswerFile(
        "goldsmith/cloudbase-init-unattend.conf", "windows/cloudbase-init-unattend.conf.j2", Target.INI
    ),
)


def version_of(recipe: Recipe) -> WindowsVersion:
    """Return the row of the recipe's ``os``. Raises RecipeError for one that is no Windows we know."""
    if recipe.os not in VERSIONS:
        raise RecipeError(
            f"{recipe.os} is no Windows that Goldsmith installs",
            at=recipe.at("os"),
            fix=suggest(recipe.os, list(VERSIONS)),
        )
    return VERSIONS[recipe.os]


def said_of(recipe: Recipe) -> Windows:
    """Return the recipe's ``windows`` part, with defaults where it says nothing."""
    return recipe.windows or Windows()


def edition_of(recipe: Recipe) -> EditionFacts:
    """Return what is known of the chosen edition. Raises RecipeError for one that this version does not have."""
    version, said = version_of(recipe), said_of(recipe)
    chosen = said.edition or version.default_edition
    if chosen not in version.editions:
        raise RecipeError(
            f"{version.title} has no edition {chosen}",
            at=recipe.at("windows", "edition"),
            fix=f"choose one of {', '.join(version.editions)}",
        )
    return version.editions[chosen]


def image_of(recipe: Recipe) -> tuple[str, str]:
    """Return how Setup finds the image in install.wim: its key, such as /IMAGE/NAME, and the value."""
    said = said_of(recipe)
    if said.image_index is not None:
        return "/IMAGE/INDEX", str(said.image_index)
    if said.image_name is not None:
        return "/IMAGE/NAME", said.image_name
    return "/IMAGE/NAME", edition_of(recipe).image_name + ("CORE" if said.core else "")


def product_key_of(recipe: Recipe) -> str | Secret:
    """Return the key that Setup is given; "" for none."""
    said = said_of(recipe).product_key
    if said == GENERIC:
        return edition_of(recipe).generic_key
    return "" if said == NO_KEY else said


def driver_paths(recipe: Recipe) -> list[str]:
    """Return the folders on the virtio-win ISO in which Setup looks for drivers, under each letter it may have."""
    return [
        f"{letter}:\\{folder.replace('/', chr(92))}"
        for letter in said_of(recipe).driver_letters
        for folder in setup_folders(recipe)
    ]


def setup_folders(recipe: Recipe) -> list[str]:
    """Return the folders of the virtio-win ISO that Setup itself needs, as ``viostor/2k22/amd64``."""
    folder = version_of(recipe).drivers
    return [f"{driver}/{folder}/{ARCH}" for driver in SETUP_DRIVERS]


def driver_files(recipe: Recipe) -> list[str]:
    """Return the files of the virtio-win ISO that build.cmd installs, as ``viostor/2k22/amd64/viostor.inf``."""
    folder = version_of(recipe).drivers
    return [f"{one}/{folder}/{ARCH}/{_inf(one)}" for one in ALL_DRIVERS]


def answer_values(recipe: Recipe) -> dict[str, object]:
    """Return all that these templates may use; docs/windows.md lists it. Raises RecipeError."""
    version, said, install = version_of(recipe), said_of(recipe), recipe.install
    locale = install.locale.partition(".")[0].replace("_", "-")
    key, value = image_of(recipe)
    return {
        "name": recipe.name,
        "os": recipe.os,
        "title": version.title,
        "arch": ARCH,
        "client": version.client,
        "firmware": str(recipe.machine.firmware),
        "locale": locale,
        "ui_language": said.ui_language,
        "input_locale": said.input_locale or locale,
        "timezone": windows_zone(install.timezone, at=recipe.at("install", "timezone")),
        "image": {"key": key, "value": value},
        "product_key": product_key_of(recipe),
        "bypass_requirements": version.tpm and said.requirements is Requirements.BYPASS,
        "rdp": said.rdp,
        "admin_user": said.admin_user,
        "logon_user": said.admin_user if version.client else "Administrator",
        "lock_administrator": not version.client and said.admin_user.lower() != "administrator",
        "build_password": BUILD_PASSWORD,
        "driver_paths": driver_paths(recipe),
        "driver_folder": version.drivers,
        "driver_msi": version.driver_msi,
        "drivers": [{"name": one, "inf": _inf(one)} for one in ALL_DRIVERS],
        "boot_drivers": _boot_drivers(recipe),
        "letters": list(LETTERS),
        "cloudbase": _cloudbase(said),
        "variables": dict(install.variables),
        "marker": MARKER,
    }


def render_answers(recipe: Recipe, *, folders: Sequence[Path], secrets: Secrets) -> Mapping[str, Rendered]:
    """Return the files by their path on the answer medium, with placeholders where secrets belong.

    ``folders`` are those of templates. Raises RecipeError at the line of a recipe or template.
    """
    values = answer_values(recipe)
    return {
        one.path: render(one.template, values, folders=folders, target=one.target, secrets=secrets)
        for one in FILES
    }


def as_written(path: str, text: str) -> bytes:
    """Return a file's bytes as Windows wants them: lines of scripts and INI files end with CR LF."""
    if path.endswith((".cmd", ".ps1", ".conf")):
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return text.encode("utf-8")


def _inf(driver: str) -> str:
    return _INF.get(driver, f"{driver}.inf")


def _boot_drivers(recipe: Recipe) -> list[str]:
    """Return the disk drivers that have a device in the build machine, which makes Windows give them a service.

    An empty virtio-scsi controller is one; virtio-blk has none without a disk.
    """
    return ["viostor", "vioscsi"] if recipe.disk.bus is Bus.VIRTIO else ["vioscsi"]


def _cloudbase(said: Windows) -> dict[str, object]:
    options = said.cloudbase
    return {
        "metadata_services": list(options.metadata_services),
        "plugins": list(options.plugins),
        "unattend_plugins": list(options.unattend_plugins),
        "first_logon_behaviour": str(options.first_logon_behaviour),
        "inject_user_password": _yes(said=options.inject_user_password),
        "netbios_host_names": _yes(said=options.netbios_host_names),
        "real_time_clock_utc": _yes(said=options.real_time_clock_utc),
    }


def _yes(*, said: bool) -> str:
    return "true" if said else "false"
