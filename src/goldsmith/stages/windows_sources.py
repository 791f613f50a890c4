"""The files that an installation of Windows needs besides its own medium, found before anything is planned."""

from collections.abc import Callable, Mapping
from pathlib import Path

from goldsmith.guests.windows_answers import said_of, version_of
from goldsmith.guests.windows_versions import CLOUDBASE_INIT, Pin
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.windows import Iso, Msi
from goldsmith.stages.medium import Source, find_file

DRIVERS, CLOUDBASE, AGENT = (
    "drivers",
    "cloudbase_init",
    "guest_agent",
)  # keys of the recipe, and of medium.json
_HELP = {
    DRIVERS: "download virtio-win.iso (docs/windows.md says which one for which Windows), and give its path",
    CLOUDBASE: "download CloudbaseInitSetup_x64.msi from cloudbase.it, and give its path",
    AGENT: "give the path of qemu-ga-x86_64.msi, or leave the key out: the virtio-win ISO has one",
}


def further_sources(
    recipe: Recipe, state: Path, *, on_hashing: Callable[[int], None] | None = None
) -> Mapping[str, Source]:
    """Return the virtio-win ISO and the installers; one without the guest agent, which the ISO has as well.

    A file on this host is read once for its digest. Raises RecipeError at the recipe's place as find_source does.
    """
    said = said_of(recipe)
    wanted: dict[str, tuple[Iso | Msi | None, Pin | None]] = {
        DRIVERS: (said.drivers, version_of(recipe).virtio_win),
        CLOUDBASE: (said.cloudbase_init, CLOUDBASE_INIT),
        AGENT: (said.guest_agent, None),
    }
    found: dict[str, Source] = {}
    for name, (one, pin) in wanted.items():
        at, digest_at = recipe.at("windows", name), recipe.at("windows", name, "sha256")
        if isinstance(one, Iso | Msi):
            key = "iso" if isinstance(one, Iso) else "msi"
            at = recipe.at("windows", name, key)
            asked = Source("file", getattr(one, key), {}, (one.sha256 or "").lower(), at)
        elif pin:
            asked = Source("file", pin.url, {}, pin.sha256, at)
        else:
            continue
        found[name] = find_file(
            asked, state, wanted_at=digest_at, media_help=_HELP[name], on_hashing=on_hashing
        )
    return found
