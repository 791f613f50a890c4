"""The Makefile, in a folder of its own where set-up and goldsmith are fake programs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


class Clone:
    def __init__(self, folder):
        self.folder = folder
        self.log = folder.parent / "argv"
        for name in (".ci", ".venv/bin", "recipes"):
            (folder / name).mkdir(parents=True)
        shutil.copy(TOP / "Makefile", folder)
        for name in ("rhel7", "demo", "_common"):
            (folder / f"recipes/{name}.yaml").write_text(f"name: {name}\nsummary: the {name} image\n")
        for name in (".ci/setup.sh", ".ci/packages.sh", ".venv/bin/goldsmith", ".venv/bin/python"):
            path = folder / name
            path.write_text(
                f"#!/bin/sh\nprintf '%s|' \"${{0##*/}}\" \"$@\" >> '{self.log}'; echo >> '{self.log}'\n"
            )
            path.chmod(0o755)

    def make(self, *argv):
        """Run make and return what it printed and the argument lists of what it ran."""
        done = subprocess.run(
            ["make", *argv], cwd=self.folder, env=os.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return done.stdout, [line.removesuffix("|").split("|") for line in lines]


@pytest.fixture
def clone(tmp_path, tool_on_path):
    for name in ("make", "sh", "echo", "awk", "sed", "tr", "rm", "find"):
        tool_on_path(name)
    return Clone(tmp_path / "a clone with spaces")


def test_help_is_the_default_and_lists_targets_and_recipes_without_any_set_up(clone):
    shown, ran = clone.make()
    for name in ("demo", "test", "check", "nightly", "doctor", "bench", "glance", "clean", "setup", "help"):
        assert f"\n  make {name} " in f"\n{shown}"
    assert "  make rhel7           the rhel7 image\n" in shown
    assert "_common" not in shown
    assert ran == []


def test_a_recipe_is_a_target_that_takes_an_iso_and_values(clone):
    _, ran = clone.make("rhel7", "ISO=/media/my isos/rhel.iso", "SET=version=2 org=a*")
    assert ran == [
        ["setup.sh"],
        [
            "goldsmith",
            "build",
            "rhel7",
            "--iso",
            "/media/my isos/rhel.iso",
            "--set",
            "version=2",
            "--set",
            "org=a*",
        ],
    ]


def test_without_an_iso_goldsmith_itself_says_what_is_missing(clone):
    assert clone.make("rhel7")[1] == [["setup.sh"], ["goldsmith", "build", "rhel7"]]


def test_demo_sets_up_builds_and_says_where_the_image_is(clone):
    shown, ran = clone.make("demo")
    assert ran == [["setup.sh"], ["goldsmith", "build", "demo"]]
    assert ".venv/bin/goldsmith image list" in shown


def test_check_needs_only_python_and_test_everything(clone):
    assert clone.make("check")[1][0] == ["setup.sh", "python"]
    ran = clone.make("test")[1][2:]
    suite = ["python", "-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    assert ran == [["setup.sh"], ["packages.sh", "test"], [*suite, "--durations=25", "--durations-min=20"]]


def test_nightly_takes_a_file_and_a_folder(clone):
    assert clone.make("nightly")[1] == [["setup.sh"], ["goldsmith", "nightly"]]
    asked = clone.make("nightly", "JUNIT=a b.xml", "REPORT=pages")[1][-1]
    assert asked == ["goldsmith", "nightly", "--junit", "a b.xml", "--report", "pages"]


def test_glance_needs_only_python_and_takes_release_folder_and_port(clone):
    assert clone.make("glance")[1] == [["setup.sh", "python"], ["python", "tests/servers/glance_server.py"]]
    asked = clone.make("glance", "RELEASE=2025.1", "PORT=9292")[1][-1]
    assert asked[2:] == ["--release", "2025.1", "--port", "9292"]


def test_clean_removes_what_was_made_and_nothing_else(clone):
    (clone.folder / "src/goldsmith/__pycache__").mkdir(parents=True)
    (clone.folder / "src/goldsmith/kept.py").touch()
    clone.make("clean")
    left = sorted(str(path.relative_to(clone.folder)) for path in clone.folder.rglob("*") if path.is_file())
    assert left == [
        ".ci/packages.sh",
        ".ci/setup.sh",
        "Makefile",
        "recipes/_common.yaml",
        "recipes/demo.yaml",
        "recipes/rhel7.yaml",
        "src/goldsmith/kept.py",
    ]
