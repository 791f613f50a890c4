"""What a recipe of Windows must keep to, told before any medium is looked at."""

import re
from collections.abc import Iterator, Mapping

from goldsmith.errors import RecipeError
from goldsmith.guests import windows_answers as answers
from goldsmith.guests.unattend import check_unattend
from goldsmith.guests.writing import Rendered
from goldsmith.recipe.model import Bus, Firmware, Recipe
from goldsmith.recipe.quantities import show_size
from goldsmith.recipe.windows import Requirements

_KEY = re.compile(r"([A-Za-z0-9]{5}-){4}[A-Za-z0-9]{5}")
_CPUS_OF_11 = 2


def check_windows(recipe: Recipe) -> list[RecipeError]:
    """Return all that Setup would refuse or stop at, each at the recipe's line."""
    try:
        answers.answer_values(recipe)
    except RecipeError as error:
        return [error]
    return [*_sizes(recipe), *_firmware(recipe), *_choices(recipe)]


def check_answers(files: Mapping[str, Rendered]) -> list[RecipeError]:
    """Return what Windows would leave out of its answer files, at the templates' lines."""
    return [one for path, file in files.items() if path.endswith(".xml") for one in check_unattend(file)]


def check_digests(recipe: Recipe) -> list[RecipeError]:
    """Return each download of a build whose sha256 neither the recipe nor anybody else says."""
    said, pin = answers.said_of(recipe), answers.version_of(recipe).virtio_win
    asked = {
        "drivers": (said.drivers.iso, said.drivers.sha256) if said.drivers else (pin.url, pin.sha256),
        "cloudbase_init": (said.cloudbase_init.msi, said.cloudbase_init.sha256)
        if said.cloudbase_init
        else None,
        "guest_agent": (said.guest_agent.msi, said.guest_agent.sha256) if said.guest_agent else None,
    }
    return [
        _unknown_digest(recipe, name, one[0])
        for name, one in asked.items()
        if one and "://" in one[0] and not one[1]
    ]


def _unknown_digest(recipe: Recipe, name: str, url: str) -> RecipeError:
    file = url.rpartition("/")[2]
    key = "iso" if name == "drivers" else "msi"
    return RecipeError(
        f"nobody says what the sha256 of {url} must be",
        at=recipe.at("windows", name),
        fix=f"download it, goldsmith media add {file} prints its sha256; when you trust it, say "
        f"windows.{name}: {{{key}: {url}, sha256: ...}}",
    )


def _sizes(recipe: Recipe) -> Iterator[RecipeError]:
    version = answers.version_of(recipe)
    bypass = version.tpm and answers.said_of(recipe).requirements is Requirements.BYPASS
    if recipe.disk.size < version.min_disk:
        yield RecipeError(
            f"{version.title} does not install on {show_size(recipe.disk.size)}",
            at=recipe.at("disk", "size"),
            fix=f"say disk.size: {show_size(version.min_disk)} or more",
        )
    if recipe.machine.memory < version.min_memory and not bypass:
        yield RecipeError(
            f"{version.title} does not install with {show_size(recipe.machine.memory)} of memory",
            at=recipe.at("machine", "memory"),
            fix=f"say machine.memory: {show_size(version.min_memory)} or more",
        )
    if version.tpm and recipe.machine.vcpus < _CPUS_OF_11:
        yield RecipeError(
            f"{version.title} does not install on one CPU",
            at=recipe.at("machine", "vcpus"),
            fix=f"say machine.vcpus: {_CPUS_OF_11} or more",
        )


def _firmware(recipe: Recipe) -> Iterator[RecipeError]:
    version = answers.version_of(recipe)
    if version.uefi_only and recipe.machine.firmware is not Firmware.UEFI:
        yield RecipeError(
            f"{version.title} starts with UEFI only",
            at=recipe.at("machine", "firmware"),
            fix="say machine.firmware: uefi",
        )
    if recipe.disk.bus is Bus.IDE:
        yield RecipeError(
            "Windows is not built on an IDE disk here: the image could not start on any other",
            at=recipe.at("disk", "bus"),
            fix="say disk.bus: virtio, scsi or sata",
        )


def _choices(recipe: Recipe) -> Iterator[RecipeError]:
    version, said = answers.version_of(recipe), answers.said_of(recipe)
    if said.core and version.client:
        yield RecipeError(
            f"{version.title} has no Server Core", at=recipe.at("windows", "core"), fix="leave core out"
        )
    key = said.product_key
    words = (answers.GENERIC, answers.NO_KEY)
    if isinstance(key, str) and key not in words and not _KEY.fullmatch(key):
        yield RecipeError(
            "this is no product key: five groups of five letters and digits, with hyphens",
            at=recipe.at("windows", "product_key"),
            fix="say generic, none, a key, or !secret env:NAME",
        )
    if said.requirements is Requirements.BYPASS and not version.tpm:
        yield RecipeError(
            f"{version.title} asks for no TPM", at=recipe.at("windows", "requirements"), fix="leave it out"
        )
