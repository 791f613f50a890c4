"""The settings of cloud-init as it merges them from all its files."""

from typing import Any

from goldsmith.audit.tree import Tree
from goldsmith.errors import RecipeError
from goldsmith.recipe.marks import read_text

FILES = ("/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg")
_NO = frozenset({"0", "no", "false", "off", "n"})


class Unreadable(Exception):
    """A file is no YAML that cloud-init could take, with its place."""


def merged(tree: Tree) -> dict[str, Any]:
    """Return all settings; a later file wins, mappings grow together, lists and plain values are replaced.

    Raises Unreadable. Words such as ``yes`` stay text, see ``switched_off``.
    """
    settings: dict[str, Any] = {}
    for path in (path for pattern in FILES for path in tree.match(pattern)):
        text = tree.text(path) or ""
        if not any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
            continue
        try:
            found = read_text(text, path, []).bare()
        except RecipeError as error:
            raise Unreadable(str(error).splitlines()[0]) from None
        if not isinstance(found, dict):
            raise Unreadable(f"{path} holds no settings")
        settings = _merged(settings, found)
    return settings


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(old[name], value)
        for name, value in new.items()
        if isinstance(value, dict) and isinstance(old.get(name), dict)
    }
    return {**old, **new, **both}


def switched_off(value: object) -> bool:
    """Return whether cloud-init takes a value for no, in any spelling of YAML 1.1."""
    return str(value).lower() in _NO


def mapping(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the mapping that lies under these names, empty where there is none."""
    for name in names:
        below = settings.get(name)
        settings = below if isinstance(below, dict) else {}
    return settings
