"""Are the media of a Windows build the right ones? Asked before the machine starts, where Setup would stop and wait."""

import re
from collections.abc import Iterator
from pathlib import Path

from goldsmith.errors import Mark, RecipeError, UsageError
from goldsmith.guests import windows_answers as answers
from goldsmith.guests.windows_images import Image, images_on
from goldsmith.guests.windows_versions import (
    DRIVERS_MSI,
    GENERIC_KEYS,
    GUEST_AGENT_ON_DRIVERS,
    VERSIONS,
    VIRTIO_WIN_OLD,
)
from goldsmith.host.disc import Disc, open_disc
from goldsmith.recipe.chain import suggest
from goldsmith.recipe.model import Recipe

_MSI_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")  # of the compound files that .msi are
_DRIVERS_VERSION = re.compile(r"virtio-win-(\d+)\.(\d+)\.(\d+)")


def check_media(
    recipe: Recipe, *, windows: Path, drivers: Path, cloudbase_init: Path, guest_agent: Path | None = None
) -> list[RecipeError]:
    """Return all that is wrong with the media, each at the recipe's line that names it.

    ``guest_agent`` is None where the virtio-win ISO's own is used.
    """
    said, version = answers.said_of(recipe), answers.version_of(recipe)
    asked = said.drivers.iso if said.drivers else version.virtio_win.url
    found = [*_windows(recipe, windows, _called(recipe.media.location))]
    found += _drivers(recipe, drivers, _called(asked), own_agent=guest_agent is None)
    for key, path, one, what in (
        ("cloudbase_init", cloudbase_init, said.cloudbase_init, "Cloudbase-Init"),
        ("guest_agent", guest_agent, said.guest_agent, "the guest agent"),
    ):
        if path is not None:
            at = recipe.at("windows", key, "msi") or recipe.at("windows", key)
            found += _msi(path, _called(one.msi) if one else path.name, what, at)
    return found


def _called(asked: str) -> str:
    """Return what the user calls a medium; in the store it has the name of its digest."""
    return asked.rstrip("/").rpartition("/")[2]


def _windows(recipe: Recipe, path: Path, name: str) -> Iterator[RecipeError]:
    at = recipe.at("media", "iso")
    try:
        with open_disc(path) as disc:
            images = images_on(disc)
    except UsageError as error:
        yield RecipeError(error.problem, at=at, fix=error.fix)
        return
    if other := _other_version(recipe, images, name):
        yield other
        return
    image, problem = _wanted(recipe, images, name)
    if image is None:
        assert problem
        yield problem
        return
    yield from _fits(recipe, image, name)
    yield from _key(recipe, image, name)


def _other_version(recipe: Recipe, images: list[Image], name: str) -> RecipeError | None:
    """Return what is wrong where nothing on the medium is the recipe's version; builds that are not said are good."""
    version = answers.version_of(recipe)
    builds = sorted({one.build for one in images})
    if not builds or any(not one or version.build <= one <= version.last_build for one in builds):
        return None
    client = not images[0].edition.startswith("Server")
    known = [
        row.title
        for row in VERSIONS.values()
        if row.client is client and row.build <= builds[0] <= row.last_build
    ]
    shown = f"{known[0]} (build {builds[0]})" if known else f"build {builds[0]}"
    return RecipeError(
        f"{name} installs {shown}, and not {version.title}",
        at=recipe.at("os"),
        fix="give the medium of this version, or say its own os:",
    )


def _wanted(recipe: Recipe, images: list[Image], name: str) -> tuple[Image | None, RecipeError | None]:
    key, value = answers.image_of(recipe)
    said = answers.said_of(recipe)
    there = ", ".join(f"{one.index} {one.name}" for one in images)
    if key == "/IMAGE/INDEX":
        image = next((one for one in images if one.index == int(value)), None)
        at, fix = recipe.at("windows", "image_index"), f"it has {there}"
    else:
        image = next((one for one in images if one.name == value), None)
        at = recipe.at("windows", "image_name" if said.image_name else "edition")
        near = suggest(value, [one.name for one in images])
        fix = f"{near.removesuffix('?')}? Say windows.image_name; the medium has {there}"
    if image is None:
        return None, RecipeError(f"{name} has no image {value}", at=at, fix=fix)
    return image, None


def _fits(recipe: Recipe, image: Image, name: str) -> Iterator[RecipeError]:
    version, said = answers.version_of(recipe), answers.said_of(recipe)
    if image.arch not in ("", answers.ARCH):
        yield RecipeError(
            f"{name} installs Windows for {image.arch}, and {recipe.name} is for {recipe.arch}",
            at=recipe.at("media", "iso"),
            fix="give the 64-bit (x64) medium",
        )
    if image.build and not version.build <= image.build <= version.last_build:
        yield RecipeError(
            f"image {image.index} of {name} is build {image.build}, and not {version.title}",
            at=recipe.at("os"),
            fix="choose another image, or say its own os:",
        )
    if image.languages and said.ui_language not in image.languages:
        yield RecipeError(
            f"{name} has no texts in {said.ui_language}",
            at=recipe.at("windows", "ui_language"),
            fix=f"say windows.ui_language: {image.languages[0]}",
        )


def _key(recipe: Recipe, image: Image, name: str) -> Iterator[RecipeError]:
    """Yield what is wrong with the key: Setup would refuse it, and ask a person for another one."""
    key = answers.product_key_of(recipe)
    at = recipe.at("windows", "product_key")
    if not key:
        return
    if image.evaluation:
        yield RecipeError(
            f"{name} is an evaluation medium ({image.edition}), which takes no product key",
            at=at,
            fix="say windows.product_key: none, or give the medium of the full product",
        )
        return
    owner = GENERIC_KEYS.get(key.upper()) if isinstance(key, str) else None
    version = answers.version_of(recipe)
    if owner and image.edition and owner != (version.os if not version.client else "client", image.edition):
        shown = owner[1] if owner[0] in (version.os, "client") else f"{owner[1]} of {owner[0]}"
        yield RecipeError(
            f"the product key is the generic one of {shown}, and image {image.index} is {image.edition}",
            at=at or recipe.at("windows", "edition"),
            fix="let windows.edition name the edition of the image, or give its own key",
        )


def _drivers(recipe: Recipe, path: Path, name: str, *, own_agent: bool) -> Iterator[RecipeError]:
    at = recipe.at("windows", "drivers") or recipe.at("windows")
    version = answers.version_of(recipe)
    try:
        with open_disc(path) as disc:
            missing = _missing(recipe, disc, own_agent=own_agent)
            label = disc.label
    except UsageError as error:
        yield RecipeError(error.problem, at=at, fix=error.fix)
        return
    pin = version.virtio_win
    if missing:
        yield RecipeError(
            f"{name} has not what {version.title} needs: {', '.join(missing)}",
            at=at,
            fix=f"give a virtio-win ISO that has it, such as {pin.url}",
        )
    match = _DRIVERS_VERSION.search(label) or _DRIVERS_VERSION.search(name)
    if pin is VIRTIO_WIN_OLD and match and _numbers(match[0]) > _numbers(f"virtio-win-{pin.version}"):
        yield RecipeError(
            f"{version.title} refuses the drivers of {match[0]}: they carry no signature that it accepts",
            at=at,
            fix=f"give virtio-win {pin.version}, the last one for it: {pin.url}",
        )


def _missing(recipe: Recipe, disc: Disc, *, own_agent: bool) -> list[str]:
    """Return what is not on the virtio-win ISO: a folder once, whatever is missing in it."""
    missing: dict[str, None] = {}
    for file in answers.driver_files(recipe):
        folder = file.rpartition("/")[0]
        if not disc.has(folder):
            missing[f"the folder {folder}"] = None
        elif not disc.has(file):
            missing[file] = None
    if answers.version_of(recipe).driver_msi and not disc.has(DRIVERS_MSI):
        missing[DRIVERS_MSI] = None
    if own_agent and not disc.has(GUEST_AGENT_ON_DRIVERS):
        missing[GUEST_AGENT_ON_DRIVERS] = None
    return list(missing)


def _msi(path: Path, name: str, what: str, at: Mark | None) -> Iterator[RecipeError]:
    try:
        with path.open("rb") as file:
            begins = file.read(len(_MSI_MAGIC))
    except OSError as error:
        yield RecipeError(
            f"the installer of {what}, {path}, cannot be read: {error.strerror}",
            at=at,
            fix="is the path right?",
        )
        return
    if begins != _MSI_MAGIC:
        yield RecipeError(
            f"{name} is no Windows Installer package", at=at, fix=f"get the .msi of {what} again"
        )


def _numbers(name: str) -> tuple[int, ...]:
    match = _DRIVERS_VERSION.search(name)
    return tuple(int(one) for one in match.groups()) if match else ()
