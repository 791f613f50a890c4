import json
import threading
import time
from dataclasses import dataclass, field

import pytest

from goldsmith.errors import GuestError, HostError
from goldsmith.events import StageCached, StageFailed, StageFinished, StageStarted, StageWaiting
from goldsmith.host.accel import Acceleration
from goldsmith.plan.planner import GONE, make_plan
from goldsmith.plan.stage import Context, Kind
from goldsmith.plan.store import Store
from goldsmith.runner import Runner


class Notes:
    def __init__(self):
        self.events = []

    def tell(self, event):
        self.events.append(event)

    def names(self, kind):
        return [event.stage for event in self.events if isinstance(event, kind)]


@dataclass(frozen=True)
class Write:
    name: str
    text: str = "x"
    kind: Kind = Kind.DISK
    version: int = 1
    group: str = ""
    ran: list = field(default_factory=list, compare=False)
    fails: bool = False

    def inputs(self):
        return {"text": self.text}

    def run(self, work, context):
        self.ran.append(self.name)
        below = work.before.read_text() if work.before else ""
        work.disk.write_text(below + self.text)
        if self.fails:
            raise GuestError("it failed", evidence=["last words"])

    def run_together(self, works, context):
        for work in works:
            with context.announce(work):
                work.stage.run(work, context)
                work.commit()


def runner_of(tmp_path, stages, *, notes=None, forced=lambda name: "", has=None):
    store = Store(tmp_path)
    store.prepare()
    plan = make_plan("demo", stages, has=has or store.has, last={}, forced=forced)
    return Runner(plan=plan, store=store, reporter=notes or Notes(), results={}, expected=lambda name: None)


def context_of(runner, tmp_path, *, folder=None, build="b"):
    return Context(
        build=build,
        state=tmp_path,
        folder=folder or tmp_path,
        uri="test:///default",
        reporter=runner.reporter,
        acceleration=Acceleration("qemu", "test"),
        guestfs_env={},
        results=runner.results,
        host_for=lambda stage: None,
        log_for=lambda stage: print,
        announce=runner.announce,
    )


def start(tmp_path, stages, notes=None, forced=lambda name: ""):
    runner = runner_of(tmp_path, stages, notes=notes, forced=forced)
    runner.run(context_of(runner, tmp_path))
    return runner, runner.reporter


def test_each_stage_stands_on_the_disk_before_it_and_a_check_writes_none(tmp_path):
    runner, notes = start(tmp_path, [Write("a", "1"), Write("look", "?", kind=Kind.CHECK), Write("b", "2")])
    assert runner.results["b"].disk.read_text() == "12"
    assert notes.names(StageFinished) == ["a", "look", "b"]


def test_a_second_run_takes_everything_from_the_store(tmp_path):
    stages = [Write("a"), Write("b")]
    start(tmp_path, stages)
    _, notes = start(tmp_path, stages)
    assert notes.names(StageCached) == ["a", "b"]
    assert stages[0].ran == ["a"]


def test_a_failure_keeps_what_was_finished_and_leaves_nothing_half_made(tmp_path):
    notes = Notes()
    with pytest.raises(GuestError, match="it failed"):
        start(tmp_path, [Write("a"), Write("b", fails=True)], notes)
    assert notes.names(StageFailed) == ["b"]
    assert [one.stage for one in Store(tmp_path).entries()] == ["a"]
    assert len(list(Store(tmp_path).layers.iterdir())) == 1


def test_neighbours_of_a_group_share_a_run_and_are_kept_one_by_one(tmp_path):
    notes = Notes()
    steps = [Write("base"), *(Write(f"s{n}", str(n), group="boot", fails=n == 3) for n in (1, 2, 3, 4))]
    with pytest.raises(GuestError):
        start(tmp_path, steps, notes)
    assert sorted(one.stage for one in Store(tmp_path).entries()) == ["base", "s1", "s2"]
    assert notes.names(StageFailed) == ["s3"]
    mended = [*steps[:3], Write("s3", "3", group="boot", fails=False), steps[4]]
    _, notes = start(tmp_path, mended)
    assert notes.names(StageCached) == ["base", "s1", "s2"]
    assert notes.names(StageStarted) == ["s3", "s4"]


def test_a_medium_that_went_meanwhile_is_got_again_where_a_stage_will_read_it(tmp_path):
    @dataclass(frozen=True)
    class Reader(Write):
        reads_medium: bool = True

    stages = [Write("fetch", kind=Kind.MEDIA), Write("a"), Write("b")]
    start(tmp_path, stages)
    store = Store(tmp_path)
    (fetched,) = [one.entry.key for one in store.entries() if one.stage == "fetch"]
    assert {one.stage: one.medium for one in store.entries()} == {"fetch": "", "a": fetched, "b": fetched}
    more = [*stages, Write("c")]

    def gone(name):
        store.remove(fetched)
        return ""

    _, notes = start(tmp_path, more, forced=gone)
    assert notes.names(StageStarted) == ["c"], "nobody reads it"
    start(tmp_path, [stages[0], Write("other")])
    _, notes = start(tmp_path, [*more, Reader("seal")], forced=gone)
    assert reasons(notes) == {"fetch": GONE, "seal": "not in the store"}


def reasons(notes):
    return {event.stage: event.reason for event in notes.events if isinstance(event, StageStarted)}


def test_a_layer_that_went_since_the_plan_is_made_again_with_all_that_follows(tmp_path):
    stages = [Write(name, name) for name in "abc"]
    start(tmp_path, stages)
    runner = runner_of(tmp_path, [*stages, Write("d", "d")])
    runner.store.remove(runner.plan.steps[1].key)
    runner.run(context_of(runner, tmp_path))
    assert reasons(runner.reporter) == {"b": GONE, "c": "follows b", "d": "not in the store"}
    assert runner.results["d"].disk.read_text() == "abcd"


def test_a_build_with_nothing_to_run_ends_where_a_result_went_since_its_plan(tmp_path):
    stages = [Write("a"), Write("b")]
    start(tmp_path, stages)
    runner = runner_of(tmp_path, stages)
    runner.store.remove(runner.plan.steps[1].key)
    with pytest.raises(HostError, match="the result of b was removed from the store meanwhile"):
        runner.run(context_of(runner, tmp_path))
    assert runner.reporter.names(StageStarted) == []


def test_a_stage_that_is_asked_for_runs_again(tmp_path):
    stages = [Write("a"), Write("b")]
    start(tmp_path, stages)
    start(tmp_path, stages, forced=lambda name: "asked for" if name == "b" else "")
    assert stages[1].ran == ["b", "b"]


def test_a_result_from_the_future_is_not_taken_for_one_that_was_made_meanwhile(tmp_path, monkeypatch):
    stages = [Write("a")]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 90 * 86_400)  # the clock was wrong, and is set right
    start(tmp_path, stages)
    monkeypatch.setattr(time, "time", real)
    start(tmp_path, stages, forced=lambda name: "asked for")
    assert stages[0].ran == ["a", "a"]


def test_two_builds_of_the_same_thing_make_it_once(tmp_path):
    inside, go_on = threading.Event(), threading.Event()

    @dataclass(frozen=True)
    class Slow(Write):
        def run(self, work, context):
            inside.set()
            assert go_on.wait(20)
            super().run(work, context)

    stages = [Slow("a")]
    notes = Notes()
    first = threading.Thread(target=start, args=(tmp_path, stages))
    first.start()
    assert inside.wait(20)
    second = threading.Thread(target=start, args=(tmp_path, stages, notes))
    second.start()
    while not notes.names(StageWaiting):
        second.join(0.05)
    go_on.set()
    first.join(20)
    second.join(20)
    assert stages[0].ran == ["a"]
    assert notes.names(StageCached) == ["a"]


def test_ctrl_c_in_a_stage_leaves_nothing_half_made(tmp_path):
    @dataclass(frozen=True)
    class Stopped(Write):
        def run(self, work, context):
            work.disk.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, [Stopped("a")])
    assert list(Store(tmp_path).layers.iterdir()) == []


def test_a_shared_run_that_ends_before_its_first_work_is_reported_once(tmp_path):
    @dataclass(frozen=True)
    class NoBoot(Write):
        def run_together(self, works, context):
            raise GuestError("no network address")

    notes = Notes()
    with pytest.raises(GuestError):
        start(tmp_path, [NoBoot("a", group="boot"), NoBoot("b", group="boot")], notes)
    assert notes.names(StageFailed) == ["a"]


def test_a_stage_that_the_disk_has_no_room_for_is_refused_before_it_begins(tmp_path):
    first = [Write("a"), Write("b", "1")]
    start(tmp_path, first)
    seal = next(
        path
        for path in (tmp_path / "store" / "layers").glob("*/entry.json")
        if json.loads(path.read_text())["stage"] == "b"
    )
    seal.write_text(json.dumps({**json.loads(seal.read_text()), "size": 1 << 60}))
    notes, second = Notes(), [Write("a"), Write("b", "2")]
    with pytest.raises(HostError, match=r"b \(as it took in an earlier build\) needs .* TiB in .*free"):
        start(tmp_path, second, notes)
    assert second[1].ran == []
    assert notes.names(StageFailed) == ["b"]
    assert not [one for one in (tmp_path / "store" / "layers").iterdir() if not (one / "entry.json").exists()]
