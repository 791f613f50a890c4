"""What a person may have changed in the guest of a running build stays with that build, however it ends."""

import threading
from dataclasses import dataclass, replace

import pytest

from goldsmith.compose import Composed
from goldsmith.errors import GuestError
from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    StageCached,
    StageOutlook,
    StageStarted,
    StageWaiting,
)
from goldsmith.host import files
from goldsmith.plan.entered import by_hand
from goldsmith.plan.kept import ENTERED, Kept, write_note
from goldsmith.plan.planner import keys_of
from goldsmith.plan.stage import Entry
from goldsmith.plan.store import Store
from goldsmith.planning import plan_of
from goldsmith.record import BuildRecord
from goldsmith.record.clearing import clear_entered
from goldsmith.record.turns import await_turn
from goldsmith.resume import Asked, tell_entered, with_mended

from .keeping import a_layer
from .test_resume import Recipe
from .test_runner import Notes, Write, context_of, runner_of


@dataclass(frozen=True)
class Entered(Write):
    """A stage in whose guest somebody opens a shell."""

    def run(self, work, context):
        super().run(work, context)
        (context.folder / ENTERED).touch()


STAGES = [Write("a", "1"), Entered("b", "2"), Write("c", "3"), Write("d", "4", fails=True)]
KEYS = keys_of(STAGES)


def composed(stages=STAGES):
    recipe = Recipe()
    recipe.name = "demo"
    return Composed(recipe, None, None, tuple(stages), None)


def record_of(state, build):
    return BuildRecord.create(state / "builds", recipe="demo", build_id=build)


def begun(record, keys=KEYS, reason="not in the store"):
    """Let the record tell the plan of its build, as others read it."""
    plan = tuple(StageOutlook(key[:3], key, False, reason, None) for key in keys)
    record.tell(BuildStarted(record.id, "demo", plan))
    record.set_virt_type("kvm")


@pytest.fixture
def killed(state):
    """Leave the store as a build leaves it that was killed when a shell had been opened in its guest."""
    with record_of(state, "b1") as record:
        begun(record)
        runner = runner_of(state, STAGES)
        with pytest.raises(GuestError):
            runner.run(context_of(runner, state, folder=record.folder, build="b1"))
    return Store(state)


def test_another_build_makes_anew_what_was_made_after_a_shell_was_opened(killed):
    reasons = [step.reason for step in plan_of(composed(), killed).steps]
    assert reasons == [
        "",
        "a shell was opened in the guest when b1 made it",
        "a shell was opened in the guest when b1 made it",
        "follows c",
    ]
    assert [killed.has(key) for key in KEYS] == [True, True, True, False]


def test_the_end_of_the_build_tells_from_where_on_nothing_is_kept_for_others(state, killed):
    notes = Notes()
    tell_entered(BuildRecord(state / "builds" / "b1"), plan_of(composed(), killed), killed, notes)
    assert "the results from b on are not kept for other builds" in notes.events[0].text
    tell_entered(BuildRecord(state / "builds" / "b2"), plan_of(composed(), killed), killed, notes)
    assert len(notes.events) == 1


def test_the_image_tells_of_the_shell_by_its_layers(state, killed):
    runner = runner_of(state, STAGES)
    own = context_of(runner, state, folder=state / "builds" / "b1", build="b1")
    assert by_hand(own) == ("a shell was opened in its guest",)
    other = replace(own, folder=state / "builds" / "b2", build="b2")
    assert by_hand(other) == ()
    stood_on = {"b": Entry(KEYS[1], killed.layers / KEYS[1])}
    assert by_hand(replace(other, results=stood_on)) == ("a shell was opened in its guest",)


def test_only_a_build_that_goes_on_from_its_kept_guest_takes_it(killed):
    guest = Kept("b1", "d", "goldsmith-b1-customize", "test:///default", parent=KEYS[2])
    went_on = with_mended(composed(), Asked("r", mended=(guest,)))
    assert [step.cached for step in plan_of(went_on, killed).steps][:3] == [True, True, True]
    other = with_mended(composed(), Asked("r", mended=(replace(guest, build="b0"),)))
    assert [step.cached for step in plan_of(other, killed).steps][:3] == [True, False, False]


def test_the_next_start_removes_it_but_not_below_a_kept_guest_or_of_a_build_that_runs(state, killed):
    write_note(state / "builds", guest := Kept("b1", "d", "x", "test:///default", parent=KEYS[2]))
    clear_entered(killed)
    assert [killed.has(key) for key in KEYS[:3]] == [True, True, True]
    write_note(state / "builds", replace(guest, ended="dropped"))
    with record_of(state, "b2") as record:
        begun(record, KEYS[1:])
        clear_entered(killed)
        assert [killed.has(key) for key in KEYS[:3]] == [True, True, True]
        record.tell(BuildFinished("b2", "demo", True, 1.0, 1.0))
    clear_entered(killed)
    assert [killed.has(key) for key in KEYS[:3]] == [True, False, False]


def test_a_build_that_waited_for_the_layer_waits_for_the_end_of_the_build_that_stands_on_it(state, killed):
    notes, waits = Notes(), threading.Event()

    class Told(Notes):
        def tell(self, event):
            notes.tell(event)
            if isinstance(event, StageWaiting):
                waits.set()

    (state / "builds" / "b2").mkdir()
    own = [Write(one.name, one.text) for one in STAGES[:3]]
    runner = runner_of(state, own, notes=Told(), has=lambda key: key == KEYS[0])
    runner.planned = 0.0  # all that is there has been made since
    made = killed.created(KEYS[1])
    second = threading.Thread(
        target=runner.run, args=(context_of(runner, state, folder=state / "builds" / "b2", build="b2"),)
    )
    with files.locked(state / "builds" / "b1" / "lock"):
        second.start()
        assert waits.wait(20)
        assert killed.created(KEYS[1]) == made
        with files.try_lock(killed.locks / f"{KEYS[1]}.lock") as free:
            assert free  # the other one may want it
    second.join(20)
    assert [(one.stage, one.holder) for one in notes.events if isinstance(one, StageWaiting)] == [
        ("b", "build b1")
    ]
    assert notes.names(StageCached) == ["a"]
    assert notes.names(StageStarted) == ["b", "c"]
    assert killed.entered_by(KEYS[1]) == ""


def test_a_build_that_makes_such_a_layer_anew_waits_for_earlier_ones_and_is_waited_for(state):
    asked = []
    with record_of(state, "b1") as first, record_of(state, "b2") as second:
        begun(first, reason="a shell was opened in the guest when b0 made it")
        begun(second)

        def told(holder):
            asked.append(holder)
            first.__exit__(None, None, None)

        await_turn(second.folder, set(KEYS), remakes=False, on_wait=told)
    assert asked == ["build b1"]


def test_a_layer_that_nobody_entered_notes_nothing(state):
    a_layer(state, "plain")
    assert "entered_by" not in Store(state).facts("plain")
