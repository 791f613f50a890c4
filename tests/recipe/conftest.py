"""A small family to load recipes against, and the loader with all its arguments."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from goldsmith.guests.render import expand
from goldsmith.recipe.load import load_recipe
from goldsmith.recipe.model import Recipe

FAMILIES = {
    "small": {
        "os": "debian11",
        "media": {"iso": "installer"},
        "machine": {"memory": "1 GiB", "timeouts": {"install": "15 min"}},
        "disk": {"size": "3 GiB"},
        "install": {"kickstart": "small.ks.j2", "packages": ["@core"]},
    },
    "bought": {
        "os": "rhel7.9",
        "disk": {"size": "8 GiB"},
        "_media_help": "download it from access.redhat.com",
    },
}
Load = Callable[..., Recipe]


@pytest.fixture
def load_file() -> Callable[[Path], Recipe]:
    return lambda path: load_recipe(path, families=FAMILIES, values={}, search=[], expand=expand)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write files into a folder and load the first; each argument is a text, or a name and a text."""

    def make(text: str, values: Mapping[str, str] | None = None, **others: str) -> Recipe:
        folder = tmp_path / "recipes"
        folder.mkdir(exist_ok=True)
        path = folder / "r.yaml"
        path.write_text(text)
        for name, other in others.items():
            (folder / f"{name}.yaml").write_text(other)
        return load_recipe(path, families=FAMILIES, values=values or {}, search=[folder], expand=expand)

    return make
