import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import failure_table
import glance_server
import pytest
from glance_server import GlanceServer

import goldsmith
from goldsmith.catalog.glance import GlanceCatalog
from goldsmith.catalog.local import LocalCatalog
from goldsmith.recipe.project import CloudCatalog


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


@pytest.fixture(scope="session")
def glance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], GlanceServer]]:
    """Give the real Glance of a release; each is started once for all tests of a worker."""
    with ExitStack() as stack:
        running: dict[str, GlanceServer] = {}

        def server(release: str = glance_server.CURRENT) -> GlanceServer:
            if release not in running:
                folder = tmp_path_factory.mktemp(f"glance-{release}-")
                running[release] = stack.enter_context(glance_server.running(folder, release=release))
            return running[release]

        yield server


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., GlanceCatalog]:
    """Give the catalog of a new project in a Glance, or of another user, behind another address, ..."""

    def make(
        server: GlanceServer, *, token: str = "", url: str = "", name: str = "cloud", **said: object
    ) -> GlanceCatalog:
        clouds = tmp_path / "clouds.yaml"
        known = clouds.read_text() if clouds.exists() else ""
        text = glance_server.CLOUDS.format(
            name=name, url=url or server.url, token=token or f"me:{uuid4().hex}:member"
        )
        clouds.write_text(known + text.removeprefix("clouds:\n") if known else text)
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
        return GlanceCatalog(
            name, CloudCatalog.model_validate({"cloud": name, **said}), tmp_path / "pending" / name
        )

    return make


@pytest.fixture
def row(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Note that a test has shown a row of the table of failures in docs/catalog.md."""

    def note(case: str) -> None:
        assert case in failure_table.rows()
        record_property(failure_table.PROPERTY, case)

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of failures, as this run has seen them."""
    seen = [
        str(value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in getattr(report, "user_properties", [])
        if name == failure_table.PROPERTY and report.when == "call"
    ]
    if seen:
        table = failure_table.rows()
        terminalreporter.section("what goes wrong with uploads to Glance")
        for one in map(table.__getitem__, seen):
            terminalreporter.line(f"{one.case}\n    Glance:    {one.glance}\n    Goldsmith: {one.goldsmith}")
