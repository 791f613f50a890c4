"""The files of docs/nightly that people copy."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "docs" / "nightly"
FILES = sorted(FOLDER.iterdir())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_calls_make_nightly_or_what_does(path):
    text = path.read_text()
    assert "make nightly" in text or path.suffix == ".timer"
    assert "goldsmith nightly" not in text
    assert path.name in (FOLDER.parent / "nightly.md").read_text()


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_ci_files_are_yaml(name):
    assert "make nightly" in str(yaml.safe_load((FOLDER / name).read_text()))


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze on this host")
def test_the_units_are_taken_by_systemd(tmp_path):
    for name in ("goldsmith-nightly.service", "goldsmith-nightly.timer"):
        shutil.copy(FOLDER / name, tmp_path)
    done = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            tmp_path / "goldsmith-nightly.timer",
            tmp_path / "goldsmith-nightly.service",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "goldsmith-nightly" not in done.stderr, done.stderr
