"""What a stage is given by the runner, with fake or real tools on PATH and no guest at all."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from goldsmith.artifact import qemuimg
from goldsmith.host.accel import Acceleration
from goldsmith.host.process import LocalHost
from goldsmith.plan.stage import Context, Entry, Work
from goldsmith.plan.store import Store

SIZE = 4 << 20


@dataclass
class Bench:
    """A store, a build's folder, and what was told; ``run`` does what the runner does for one stage."""

    state: Path
    store: Store
    events: list = field(default_factory=list)
    results: dict = field(default_factory=dict)
    env: dict = field(default_factory=dict)

    def tell(self, event):
        self.events.append(event)

    @property
    def folder(self) -> Path:
        return self.state / "builds" / "b1"

    @property
    def log(self) -> str:
        return (self.folder / "stage.log").read_text()

    def context(self) -> Context:
        log = self.folder / "stage.log"

        def write(line):
            with log.open("a") as file:
                file.write(line + "\n")

        return Context(
            build="b1",
            state=self.state,
            folder=self.folder,
            uri="test:///default",
            reporter=self,
            acceleration=Acceleration("qemu", "test"),
            guestfs_env=self.env,
            results=self.results,
            host_for=lambda stage: LocalHost(log=log),
            log_for=lambda stage: write,
            announce=self.announce,
        )

    @contextmanager
    def announce(self, work):
        yield

    def work(self, stage, before: Path | None = None) -> Work:
        key = f"{len(list(self.store.layers.iterdir())):064x}"
        folder = self.store.begin(key)

        def commit() -> Entry:
            entry = self.store.commit(
                key, stage=stage.name, recipe="r", parent="", inputs=stage.inputs(), seconds=1.0
            )
            self.results[stage.name] = entry
            return entry

        return Work(stage, key, folder, before, commit)

    def run(self, stage, before: Path | None = None) -> Entry:
        work = self.work(stage, before)
        stage.run(work, self.context())
        return work.commit()


@pytest.fixture
def bench(tmp_path) -> Bench:
    state = tmp_path / "state"
    (state / "builds" / "b1" / "logs").mkdir(parents=True)
    store = Store(state)
    store.prepare()
    return Bench(state, store)


@pytest.fixture
def disk(bench, tool_on_path, tmp_path) -> Path:
    """A qcow2 layer in the store, with some text on it, as the stage before would leave it."""
    tool_on_path("qemu-img")
    raw = tmp_path / "raw"
    with raw.open("wb") as file:
        file.write(b"text that compresses " * 100_000)
        file.truncate(SIZE)
    folder = bench.store.begin("d" * 64)
    qemuimg.convert(LocalHost(), raw, folder / "disk.qcow2", src_format="raw")
    bench.store.commit("d" * 64, stage="before", recipe="r", parent="", inputs={}, seconds=1.0)
    return folder / "disk.qcow2"
