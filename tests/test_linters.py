"""The linters and the type checker are tests, so that one command says whether a change is good."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
BESIDE_SRC = [str(path.relative_to(TOP)) for path in (TOP / "tests", TOP / "benchmarks") if path.is_dir()]

CHECKS = {
    "ruff check": ["ruff", "check", "src", *BESIDE_SRC],
    "ruff format": ["ruff", "format", "--check", "src", *BESIDE_SRC],
    "mypy --strict": ["mypy"],
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("argv", CHECKS.values(), ids=CHECKS)
def test_the_code_passes(argv):
    done = subprocess.run(
        [sys.executable, "-m", *argv],
        cwd=TOP,
        env={**os.environ, "PYTHONPATH": str(TOP / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
