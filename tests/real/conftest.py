"""The real road: qemu, libvirt, libguestfs, sshd and cloud-init of this machine, on one state folder for all tests.

The medium and the libguestfs appliance are kept between runs (they are named by their inputs); layers, builds and
catalog are not, so each run of the suite really builds.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from goldsmith.host.files import is_locked, locked
from goldsmith.plan.store import KEPT_PREFIX

REPOSITORY = Path(__file__).parents[2]
LIMIT = 1500  # seconds that one command may take on a busy host without KVM
RUNNING: list[subprocess.Popen[str]] = []


@dataclass
class Finished:
    """How a command ended; ``events`` are those of a build with --json."""

    code: int
    out: str
    err: str
    events: Sequence[dict[str, object]] = field(default_factory=list)

    @property
    def end(self) -> dict[str, object]:
        return self.events[-1]

    def stages(self, event: str) -> list[str]:
        return [str(one["stage"]) for one in self.events if one["event"] == event]


class Command:
    """A goldsmith command that runs, with its events as they come."""

    def __init__(self, words: Sequence[str], env: dict[str, str], cwd: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "goldsmith", *words],
            env=env,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events: list[dict[str, object]] = []
        RUNNING.append(self.process)

    def until(self, event: str, stage: str = "", *, containing: str = "") -> dict[str, object]:
        """Read events until one of this kind (and stage, and text) comes; fail when the command ends before."""
        assert self.process.stdout
        for line in self.process.stdout:
            told = json.loads(line)
            self.events.append(told)
            if told["event"] == event and stage in ("", told.get("stage")) and containing in line:
                return told
        pytest.fail(f"no {event} {stage} {containing}; stderr: {self.process.stderr.read()}")  # type: ignore[union-attr]

    def kill(self, number: int = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        return self.process.wait(120)

    def finish(self) -> Finished:
        out, err = self.process.communicate(timeout=LIMIT)
        self.events += [json.loads(line) for line in out.splitlines() if line.startswith('{"time"')]
        return Finished(self.process.returncode, out, err, self.events)


@dataclass(frozen=True)
class Goldsmith:
    """The command line on one state folder and one project."""

    state: Path
    project: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        source = str(REPOSITORY / "src")
        return {**os.environ, "GOLDSMITH_STATE": str(self.state), "PYTHONPATH": source, **self.extra}

    def start(self, *words: str) -> Command:
        return Command(words, self.env, self.project)

    def run(self, *words: str) -> Finished:
        return self.start(*words).finish()

    def build(self, recipe: str, *words: str) -> Finished:
        return self.run("build", recipe, "--json", *words)

    def domains(self, recipe: str) -> list[str]:
        """Return the domains of a recipe's builds in this state folder; other tests have their own meanwhile.

        The description tells: a guest that goes on from a memory has the name by which it was booted.
        """
        uri = self.extra.get("GOLDSMITH_LIBVIRT_URI", "qemu:///system")
        virsh = ["virsh", "-c", uri]
        names = subprocess.run(
            [*virsh, "list", "--all", "--name"], capture_output=True, text=True, env=self.env
        )
        mine = re.compile(rf"build={re.escape(recipe)}-\d{{8}}-\S+ state={re.escape(str(self.state))}(\s|$)")
        return [
            name
            for name in names.stdout.split()
            if mine.search(
                subprocess.run([*virsh, "desc", name], capture_output=True, text=True, env=self.env).stdout
            )
        ]

    def half_layers(self, recipe: str) -> list[Path]:
        """Return what looks like a result that was not finished, and that nobody is making now.

        Layers of guests that are kept are their builds' own.
        """
        store = self.state / "store"
        half = [one for one in (store / "layers").glob("*") if not (one / "entry.json").exists()]
        kept = [one for one in half if one.name.startswith(KEPT_PREFIX)]
        half = [one for one in half if one not in kept or one.name.startswith(f"{KEPT_PREFIX}{recipe}-")]
        return [one for one in half if not is_locked(store / "locks" / f"{one.name}.lock") and one.exists()]

    def nothing_left(self, recipe: str) -> None:
        """Fail when a build of this recipe left a machine, half a layer or a seed behind."""
        assert self.domains(recipe) == []
        assert self.half_layers(recipe) == []
        assert list((self.state / "run").glob(f"{recipe}-*")) == []


def a_project(folder: Path, **recipes: str) -> Path:
    """Make a project whose recipes extend the shipped ones."""
    (folder / "recipes").mkdir(parents=True, exist_ok=True)
    for name, text in recipes.items():
        (folder / "recipes" / f"{name}.yaml").write_text(f"name: {name}\nextends: demo\n{text}")
    return folder


@pytest.fixture(scope="session")
def shared_state(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Give one state folder to all workers of this run, cleared of earlier builds by the first of them."""
    base = tmp_path_factory.getbasetemp()
    run = base.parent if worker_id != "master" else base
    state = Path(os.environ.get("GOLDSMITH_TEST_STATE", "/var/tmp/goldsmith-real-tests"))
    state.mkdir(parents=True, exist_ok=True)
    with locked(state / "session.lock"):
        mark = state / "session"
        if not mark.exists() or mark.read_text() != str(run):
            for name in ("store/layers", "builds", "catalog", "run"):
                shutil.rmtree(state / name, ignore_errors=True)
            for name in ("demo.json", "selftested.json"):
                (state / name).unlink(missing_ok=True)
            mark.write_text(str(run))
    return state


@pytest.fixture(autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """Stop what a test that failed left running: it would hold the store's locks for all others."""
    yield
    for process in RUNNING:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate()
    RUNNING.clear()


@pytest.fixture
def goldsmith(shared_state: Path) -> Goldsmith:
    return Goldsmith(shared_state, REPOSITORY)


@pytest.fixture
def in_project(shared_state: Path, tmp_path: Path) -> Callable[..., Goldsmith]:
    """Return the command line in a new project with the given recipes, on the shared state."""

    def make(**recipes: str) -> Goldsmith:
        return Goldsmith(shared_state, a_project(tmp_path / "project", **recipes))

    return make


@pytest.fixture(scope="session")
def demo(shared_state: Path) -> Finished:
    """Build the demo, or take what the worker that built it was told."""
    return once(shared_state, "demo", lambda: Goldsmith(shared_state, REPOSITORY).build("demo"))


@pytest.fixture(scope="session")
def selftested(shared_state: Path, demo: Finished) -> Finished:
    """Boot the demo in a self-test, once for all workers; its reports are in ``selftest`` of the state folder.

    The stage boot-test of every recipe with the demo's disk and properties comes from the store afterwards.
    """
    words = ["selftest", "--family", "demo", "--reuse", "--to", str(shared_state / "selftest"), "--json"]
    return once(shared_state, "selftested", lambda: Goldsmith(shared_state, REPOSITORY).run(*words))


def once(state: Path, name: str, run: Callable[[], Finished]) -> Finished:
    """Run a command, or take what the worker that ran it was told."""
    kept = state / f"{name}.json"
    with locked(state / f"{name}.lock"):
        if kept.exists():
            return Finished(**json.loads(kept.read_text()))
        done = run()
        kept.write_text(json.dumps(asdict(done)))
        return done
