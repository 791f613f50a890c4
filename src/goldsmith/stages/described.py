"""What a cloud is told of an image: the properties that follow from how it was built."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from goldsmith.catalog.entry import RECIPE, VERSION
from goldsmith.recipe.model import VERSION as PLACE
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.properties import is_true

BUILD = "goldsmith_build"
RECIPE_DIGEST = "goldsmith_recipe_digest"
_AGENT, _QUIESCE = "hw_qemu_guest_agent", "os_require_quiesce"


@dataclass(frozen=True)
class Origin:
    """Which build made an image and when; ``made`` in seconds since the epoch."""

    build: str
    version: str
    made: float


def computed_properties(
    recipe: Recipe, family: Mapping[str, str], *, os_distro: str, admin: str, machine_type: str = ""
) -> Mapping[str, str]:
    """Return the properties that follow from the recipe and its family (Nova reads these names).

    ``os_distro`` is the family, as Glance's documentation wants it; libosinfo's own name is beside it, and what it
    would make Nova choose (bus, network card) is said outright.
    """
    _, _, os_version = recipe.os.replace("-stream", "").partition(os_distro)
    found = {
        "os_distro": os_distro,
        "architecture": recipe.arch,
        "hw_disk_bus": recipe.disk.bus.value,
        "hw_vif_model": "virtio",
        "hw_firmware_type": recipe.machine.firmware.value,
        "os_admin_user": admin,
        "libosinfo_short_id": recipe.os,
        **family,
    }
    if machine_type:
        found.setdefault("hw_machine_type", machine_type)
    if os_version:
        found["os_version"] = os_version
    if recipe.disk.bus.value == "scsi":
        found.setdefault("hw_scsi_model", "virtio-scsi")
    if recipe.catalog.os_name:
        found["os_name"] = recipe.os
    found |= recipe.catalog.upkeep.properties(
        description=_description(recipe), user=admin, versioned=PLACE in (recipe.catalog.name or PLACE)
    )
    return found


def promised(recipe: Recipe, computed: Mapping[str, str], version: str) -> Mapping[str, str]:
    """Return the computed properties and over them the recipe's own, with what follows from both."""
    own = recipe.catalog.properties
    found = {**computed, **{name: recipe.versioned(text, version) for name, text in own.items()}}
    if is_true(found.get(_AGENT, "")):
        found.setdefault(_QUIESCE, "yes")
    elif _QUIESCE not in own:  # a snapshot would fail for want of somebody to ask
        found.pop(_QUIESCE, None)
    return found


def described(recipe: Recipe, computed: Mapping[str, str], origin: Origin) -> Mapping[str, str]:
    """Return all properties of one image."""
    found = {
        **promised(recipe, computed, origin.version),
        RECIPE: recipe.name,
        VERSION: origin.version,
        BUILD: origin.build,
        RECIPE_DIGEST: recipe.digest,
    }
    day = datetime.fromtimestamp(origin.made, UTC).strftime("%Y-%m-%d")
    found.setdefault("image_build_date", day)
    if recipe.catalog.description:
        found["description"] = recipe.versioned(recipe.catalog.description, origin.version)
    return {name: recipe.versioned(text, origin.version) for name, text in found.items()}


def _description(recipe: Recipe) -> str:
    text = recipe.catalog.description or recipe.summary or f"Built from the recipe {recipe.name}"
    return re.sub(r"\s+", " ", text).strip()
