import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import goldsmith
from goldsmith.catalog.local import LocalCatalog


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of these bytes, or of 300,000 random ones."""

    def make(name: str = "disk.raw", data: bytes | None = None) -> Path:
        path = tmp_path / name
        path.write_bytes(os.urandom(300_000) if data is None else data)
        return path

    return make


@pytest.fixture
def local(tmp_path: Path) -> LocalCatalog:
    """Give the catalog that the command line sees too."""
    return LocalCatalog(tmp_path / "state" / "catalog")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run Python code in a process of its own; what is left of it is killed at the end of the test."""
    running: list[subprocess.Popen[str]] = []

    def run(code: str, *argv: str | Path) -> subprocess.Popen[str]:
        source = str(Path(goldsmith.__file__).parents[1])
        running.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *map(str, argv)],
                env={**os.environ, "PYTHONPATH": source},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()
