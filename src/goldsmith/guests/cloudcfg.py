"""Edit a guest's cloud-init configuration as text, so that its comments and order stay."""

import json
import re

from goldsmith.errors import GuestError
from goldsmith.recipe.steps import CloudInit

SECTION = "cloud_init_modules"


def add_module(text: str, module: str, *, path: str) -> str:
    """Return the text of cloud.cfg with the module at the end of ``cloud_init_modules``, once.

    A drop-in cannot do this: a list in a later file replaces the earlier one (cloud-init's default merge).
    """
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if re.match(rf"{SECTION}:\s*(#.*)?$", line)), None)
    if start is None:
        raise GuestError(
            f"{path} in the guest has no list {SECTION}", fix="install cloud-init in an earlier step"
        )
    end, indent = start + 1, " "
    while end < len(lines) and (item := re.match(r"(\s*)-\s*(\[?\s*['\"]?)([\w-]+)", lines[end])):
        indent = item.group(1)
        if item.group(3) == module:
            return text
        end += 1
    return "\n".join([*lines[:end], f"{indent}- {module}", *lines[end:]]) + "\n"


def fragment(action: CloudInit) -> str:
    """Return the drop-in for what a step says, or "" when it says nothing for one; JSON is YAML."""
    settings: dict[str, object] = {}
    if action.datasources:
        settings["datasource_list"] = list(action.datasources)
    if user := action.default_user:
        described: dict[str, object] = {
            "name": user.name,
            "lock_passwd": user.lock_passwd,
            "gecos": "Cloud User",
            "groups": list(user.groups),
            "shell": user.shell,
        }
        if user.sudo:
            described["sudo"] = [user.sudo]
        settings["system_info"] = {"default_user": described}
    if known := action.resolv_conf:
        # with the first alone the module fails: it asks for the second
        settings["manage_resolv_conf"] = True
        settings["resolv_conf"] = known.model_dump(mode="json", exclude_defaults=True)
    if not settings:
        return ""
    body = "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())
    return "# Written by Goldsmith (customize step cloud_init).\n" + body
