"""What the recipes of Windows promise, and that the files they render are what the audit asks for."""

from pathlib import Path

import pytest

from goldsmith.audit.checks.windows_leftovers import passwords
from goldsmith.audit.cloudbase import MAIN, UNATTEND, faults, parsed
from goldsmith.audit.expected import expected_windows
from goldsmith.guests.windows_answers import render_answers
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.secrets import References

TEMPLATES = Path(__file__).parents[2] / "templates"


def recipe_of(os, **windows):
    return Recipe.model_validate(
        {
            "name": "w",
            "family": "windows",
            "os": os,
            "media": {"iso": "x.iso"},
            "windows": windows,
            "machine": {
                "memory": "4 GiB",
                "vcpus": 2,
                "firmware": "uefi" if os == "win11" else "bios",
            },
            "disk": {"size": "64 GiB"},
        }
    )


@pytest.mark.parametrize(
    ("os", "edition", "builds", "users"),
    [
        ("win2k12r2", "ServerStandard", (9600, 9600), ()),
        ("win2k22", "ServerStandard", (20348, 20348), ()),
        ("win10", "Professional", (10240, 21999), ("Admin",)),
        ("win11", "Professional", (22000, 99999), ("Admin",)),
    ],
)
def test_a_recipe_promises_its_edition_and_builds(os, edition, builds, users):
    wanted = expected_windows(recipe_of(os))
    assert (wanted.edition, wanted.builds, wanted.users) == (edition, builds, users)
    assert (wanted.rdp, wanted.clock_utc) == (True, False)


def test_an_image_named_by_hand_promises_no_edition():
    wanted = expected_windows(recipe_of("win2k22", image_name="Windows Server 2022 Special", rdp=False))
    assert (wanted.edition, wanted.core, wanted.rdp) == (None, None, False)


def test_the_core_server_is_promised():
    assert expected_windows(recipe_of("win2k19", core=True, edition="datacenter")).core is True


@pytest.mark.parametrize("os", ["win2k12r2", "win2k22", "win10", "win11"])
def test_the_rendered_files_are_what_the_audit_asks_for(os):
    rendered = render_answers(recipe_of(os), folders=[TEMPLATES], secrets=References())
    files = {path.rpartition("/")[2]: one.text for path, one in rendered.items()}
    assert list(faults(parsed(files["cloudbase-init.conf"]), MAIN)) == []
    assert list(faults(parsed(files["cloudbase-init-unattend.conf"]), UNATTEND)) == []
    assert list(passwords(files["Unattend.xml"])) == []
    assert set(passwords(files["Autounattend.xml"])) >= {"Password"}
