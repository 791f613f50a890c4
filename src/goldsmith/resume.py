"""Go on with a build that failed: what it was asked for, from its record, and the guest that it kept, if any."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from goldsmith.compose import Composed
from goldsmith.errors import GoldsmithError, UsageError
from goldsmith.events import Reporter, Warned
from goldsmith.host import libvirtd
from goldsmith.host.hypervisor import connect
from goldsmith.host.process import LocalHost
from goldsmith.plan.keeping import release
from goldsmith.plan.kept import BY, ENTERED, Kept, note_of, read_kept, where_kept
from goldsmith.plan.planner import Plan, keys_of
from goldsmith.plan.store import Store
from goldsmith.record import BuildRecord, BuildState, find, summary_of
from goldsmith.stages.mended import Mended, require_known_end, usable


@dataclass(frozen=True)
class Asked:
    """What a build was asked for, as its record keeps it so that another one can go on.

    ``today`` is the moment, in seconds since the epoch, by which steps are done anew that want to be so after a time.
    ``mended`` are the guests that it goes on from, the first one first.
    """

    recipe: str
    values: Mapping[str, str] = field(default_factory=dict)
    project: str = ""
    register: bool = True
    boot_test: bool | None = None
    refresh: bool = False
    locked: bool = False
    today: float = 0.0
    resumes: str = ""
    mended: tuple[Kept, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


NOTHING = Asked("")


@dataclass(frozen=True)
class Resuming:
    """What to ask for; ``given_up`` is a guest that nothing can be made of, ``why`` tells it."""

    asked: Asked
    given_up: Kept | None = None
    why: str = ""


def resuming(builds: Path, name: str) -> Resuming:
    """Return how to go on with a failed build; raises UsageError where there is nothing to go on with."""
    record = find(builds, name)
    asked = _asked_by(record)
    note = note_of(builds, record.id)
    if note and note.ended.startswith(BY):
        other = note.ended.removeprefix(BY)
        raise UsageError(
            f"{record.id} was gone on with by {other}",
            fix=f"goldsmith build --resume {other}, if that failed",
        )
    asked = replace(asked, resumes=record.id)
    if note is None or note.ended:
        return Resuming(asked)
    libvirtd.ensure_running(LocalHost(), note.uri)
    with connect(note.uri) as hypervisor:
        if not note.resumable:
            what = "a boot test" if note.boots else "an install"
            return Resuming(asked, note, f"{what} cannot be gone on with: it begins again")
        require_known_end(hypervisor, note, builds.parent)
        if not usable(hypervisor, note):
            return Resuming(asked, note, "it does not run any more: the last good layer is gone on with")
    return Resuming(replace(asked, mended=(*asked.mended, note)))


def _asked_by(record: BuildRecord) -> Asked:
    summary = summary_of(record.folder)
    if summary is None or summary.state is BuildState.RUNNING:
        raise UsageError(f"the build {record.id} still runs", fix=f"goldsmith logs -f {record.id}")
    if summary.state is BuildState.DONE:
        raise UsageError(f"the build {record.id} did not fail", fix="goldsmith build RECIPE builds again")
    try:
        said = dict(summary.document["asked"])
        return Asked(**{**said, "mended": tuple(read_kept(one) for one in said.get("mended", ()))})
    except (LookupError, TypeError, ValueError):
        raise UsageError(
            f"the record of {record.id} does not tell what it was asked for",
            fix="goldsmith build RECIPE; what is finished is taken from the store",
        ) from None


def with_mended(composed: Composed, asked: Asked) -> Composed:
    """Return the stages with those of the kept guests, each after the layer that its disk stands on."""
    stages = list(composed.stages)
    for guest in asked.mended:
        keys = keys_of(stages)
        if guest.parent not in keys:
            raise UsageError(
                f"the guest that {guest.build} kept is not what the recipe says any more: what comes before "
                f"{guest.stage} has changed",
                fix=f"goldsmith shell {guest.build} --drop, then goldsmith build {asked.recipe}",
            )
        stages.insert(keys.index(guest.parent) + 1, Mended(guest, composed.recipe.machine.timeouts.boot))
    return replace(composed, stages=tuple(stages))


def give_up(found: Resuming, state: Path, reporter: Reporter) -> None:
    """Take away a kept guest that cannot be gone on with, and say so."""
    if guest := found.given_up:
        with connect(guest.uri) as hypervisor:
            release(guest, hypervisor, state, why=found.why)
        reporter.tell(Warned(f"the guest that {guest.build} kept is removed: {found.why}"))


def tell_entered(record: BuildRecord, plan: Plan, store: Store, reporter: Reporter) -> None:
    """Tell from which stage on a person may have changed what this build has made."""
    if not (record.folder / ENTERED).exists():
        return
    made = next((step for step in plan.steps if store.entered_by(step.key) == record.id), None)
    if made:
        reporter.tell(
            Warned(
                f"a shell was opened in the guest: the results from {made.stage.name} on are not kept for other builds"
            )
        )


def with_kept(failure: GoldsmithError | None, guest: Kept | None) -> GoldsmithError | None:
    """Return a failure that says where the guest is to be found that was left."""
    if failure and guest:
        told = where_kept(guest)
        failure.fix = f"{failure.fix}; {told}" if failure.fix else told
    return failure


def told_of(guest: Kept | None) -> Mapping[str, object]:
    """Return what the record of a build says of the guest that it has left, and how to reach it."""
    if guest is None:
        return {}
    return {
        "domain": guest.domain,
        "stage": guest.stage,
        "state": guest.state,
        "screen": guest.screen,
        "shell": f"goldsmith shell {guest.build}",
    }


def after_failure(build: str, kept: Mapping[str, object]) -> Sequence[str]:
    """Return the commands that one may want after a build that failed."""
    steps = [f"goldsmith logs {build}", f"goldsmith show {build}"]
    if kept:
        steps += [
            f"goldsmith shell {build}",
            f"goldsmith build --resume {build}",
            f"goldsmith shell {build} --drop",
        ]
    return steps
