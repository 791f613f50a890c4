"""What it takes to go on with a build that failed: its record, and the guest that it kept."""

from dataclasses import replace

import pytest

from goldsmith.compose import Composed
from goldsmith.errors import GuestError, HostError, UsageError
from goldsmith.plan.kept import write_note
from goldsmith.plan.planner import keys_of
from goldsmith.record import BuildRecord
from goldsmith.resume import (
    Asked,
    Resuming,
    after_failure,
    give_up,
    resuming,
    told_of,
    with_kept,
    with_mended,
)

from .keeping import SHUT_DOWN, a_build, a_kept_guest
from .test_runner import Notes, Write

ASKED = Asked("recipes/r.yaml", {"iso": "/m.iso"}, "/project", today=1.5)


def test_a_build_without_a_guest_is_asked_for_again_as_it_was(state):
    a_build(state, "b1", asked=ASKED.as_json())
    assert resuming(state / "builds", "b1") == Resuming(replace(ASKED, resumes="b1"))


def test_a_kept_guest_comes_after_those_that_the_build_itself_went_on_from(state, hypervisor):
    first = a_kept_guest(state, hypervisor, "b0")
    a_build(state, "b1", asked=replace(ASKED, mended=(first,)).as_json())
    second = a_kept_guest(state, hypervisor, "b1", parent="other")
    found = resuming(state / "builds", "b1")
    assert found.asked.mended == (first, second)
    assert found.given_up is None


@pytest.mark.parametrize(
    ("change", "why"),
    [({"resumable": False}, "it begins again"), ({}, "the last good layer is gone on with")],
    ids=["in the installer", "without power"],
)
def test_a_guest_that_nothing_can_be_made_of_is_given_up_and_said_so(state, hypervisor, change, why):
    a_build(state, "b1", asked=ASKED.as_json())
    guest = a_kept_guest(state, hypervisor, **change)
    if not change:
        hypervisor.destroy(guest.domain)
    found = resuming(state / "builds", "b1")
    assert found.asked.mended == ()
    notes = Notes()
    give_up(found, state, notes)
    assert why in notes.events[0].text
    assert not (state / "run" / "b1").exists()
    assert resuming(state / "builds", "b1").given_up is None


def test_after_a_start_of_libvirt_the_log_of_qemu_tells_whether_a_guest_is_gone_on_from(
    state, hypervisor, libvirt_anew
):
    a_build(state, "b1", asked=ASKED.as_json())
    guest = a_kept_guest(state, hypervisor)
    libvirt_anew(guest, SHUT_DOWN)
    assert resuming(state / "builds", "b1").asked.mended == (guest,)
    libvirt_anew(guest, "")
    with pytest.raises(HostError, match=r"b1 kept is off, and .*\n  fix: goldsmith shell b1 --drop, then"):
        resuming(state / "builds", "b1")


def test_what_cannot_be_gone_on_with_is_refused_with_the_way_out(state):
    a_build(state, "done", ok=True, asked=ASKED.as_json())
    with pytest.raises(UsageError, match="the build done did not fail"):
        resuming(state / "builds", "done")
    a_build(state, "old")
    with pytest.raises(
        UsageError, match="does not tell what it was asked for\n  fix: goldsmith build RECIPE"
    ):
        resuming(state / "builds", "old")
    with pytest.raises(UsageError, match="there is no build 'x'"):
        resuming(state / "builds", "x")
    with (
        BuildRecord.create(state / "builds", recipe="r", build_id="alive"),
        pytest.raises(UsageError, match="the build alive still runs\n  fix: goldsmith logs -f alive"),
    ):
        resuming(state / "builds", "alive")


def test_a_build_that_was_gone_on_with_names_the_one_that_did(state, hypervisor):
    a_build(state, "b1", asked=ASKED.as_json())
    write_note(state / "builds", a_kept_guest(state, hypervisor, ended="gone on with by b2"))
    with pytest.raises(UsageError, match="b1 was gone on with by b2\n  fix: goldsmith build --resume b2"):
        resuming(state / "builds", "b1")


class Recipe:
    """As much of a recipe as matters here."""

    class machine:  # noqa: N801
        class timeouts:  # noqa: N801
            boot = 60.0


STEPS = [Write("base"), Write("good", "1"), Write("bad", "2"), Write("last", "3")]


def composed(stages):
    return Composed(Recipe(), None, None, tuple(stages), None)


def test_the_disk_of_the_guest_comes_before_the_step_that_failed_and_changes_every_key_after_it(
    state, hypervisor
):
    clean = keys_of(STEPS)
    guest = a_kept_guest(state, hypervisor, parent=clean[1])
    went_on = with_mended(composed(STEPS), Asked("r", mended=(guest,))).stages
    assert [one.name for one in went_on] == ["base", "good", "mended b1", "bad", "last"]
    keys = keys_of(went_on)
    assert keys[:2] == clean[:2]
    assert not set(keys[2:]) & set(clean)
    other = with_mended(composed(STEPS), Asked("r", mended=(replace(guest, since=1.0),))).stages
    assert not set(keys[2:]) & set(keys_of(other))  # no other failure is taken for this one


def test_a_step_that_is_mended_in_the_recipe_is_gone_on_with_and_one_before_it_is_not(state, hypervisor):
    guest = a_kept_guest(state, hypervisor, parent=keys_of(STEPS)[1])
    later = [*STEPS[:2], Write("bad", "mended"), STEPS[3]]
    assert with_mended(composed(later), Asked("r", mended=(guest,))).stages[2].name == "mended b1"
    before = [STEPS[0], Write("good", "changed"), *STEPS[2:]]
    with pytest.raises(UsageError, match=r"what comes before step-2-bad has changed\n  fix: .* b1 --drop"):
        with_mended(composed(before), Asked("r", mended=(guest,)))


def test_a_failure_and_the_record_say_how_the_guest_is_reached(state, hypervisor):
    guest = a_kept_guest(state, hypervisor, screen="/run/vnc.sock")
    told = with_kept(GuestError("it failed", fix="mend it"), guest)
    assert told.fix == "mend it; the guest is kept, running: goldsmith shell b1"
    assert with_kept(GuestError("it failed"), None).fix == ""
    assert told_of(guest)["screen"] == "/run/vnc.sock"
    assert "goldsmith build --resume b1" in after_failure("b1", told_of(guest))
    assert after_failure("b1", told_of(None)) == ["goldsmith logs b1", "goldsmith show b1"]
