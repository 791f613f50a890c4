"""One build from start to end: record, sweep, plan, run, summary."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from goldsmith.compose import Composed, Where, check
from goldsmith.errors import GoldsmithError, InterruptedBuild
from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    Reporter,
    StageOutlook,
    StageWaiting,
    Tee,
    Warned,
)
from goldsmith.guests import FAMILIES
from goldsmith.guests.kickstart import doubts
from goldsmith.host import accel, appliance, files, guestfs, libvirtd
from goldsmith.host.accel import Acceleration
from goldsmith.host.clock import outside
from goldsmith.host.faults import host_fault
from goldsmith.host.process import Host, LocalHost
from goldsmith.plan.kept import Keeper
from goldsmith.plan.planner import Plan
from goldsmith.plan.stage import Context
from goldsmith.plan.store import Store
from goldsmith.planning import sound_plan
from goldsmith.record import BuildRecord, History, read_history
from goldsmith.record.clearing import clear_entered
from goldsmith.record.masked import Mask, Masked, mask_error, mask_files
from goldsmith.record.turns import REMADE, await_turn
from goldsmith.resume import (
    NOTHING,
    Asked,
    Resuming,
    after_failure,
    give_up,
    tell_entered,
    told_of,
    with_kept,
)
from goldsmith.runner import Begun, Runner
from goldsmith.stages.attested import check_signer
from goldsmith.stages.register import first_image, next_steps
from goldsmith.sweep import sweep, sweep_files, tell_in_doubt, tell_swept


@dataclass(frozen=True)
class Options:
    """How to build: ``start`` names the first stage that runs although its result is there; "" is none.

    ``asked`` goes into the record; ``resuming`` is set where a failed build is gone on with. ``on_hashing`` gets the
    size of each block of a stored medium that must be read for its digest.
    """

    start: str = ""
    no_cache: bool = False
    build_id: str | None = None
    keep_failed: bool = False
    asked: Asked = NOTHING
    resuming: Resuming | None = None
    on_hashing: Callable[[int], None] | None = None


@dataclass(frozen=True)
class Outcome:
    build: str
    image: Mapping[str, object]
    folder: Path
    plan: Plan
    seconds: Mapping[str, float] = field(default_factory=dict)


def run_build(composed: Composed, where: Where, view: Reporter, options: Options) -> Outcome:
    """Build, with everything reported to ``view`` and kept in the build's record."""
    store, builds = Store(where.state), where.state / "builds"
    store.prepare()
    host = LocalHost(mask=(redact := composed.vault.redactor))
    started, waited, planned = time.monotonic(), outside.seconds, time.time()
    record = BuildRecord.create(
        builds, recipe=composed.recipe.name, build_id=options.build_id, asked=options.asked.as_json()
    )
    keeper = Keeper(asked=options.keep_failed)
    reporter = Masked(Tee(record, Begun(composed.fresh), view), redact)
    runner: Runner | None = None
    end: dict[str, object] = {}
    with record:
        try:
            with store.planning():
                plan, virt, history = _planned(composed, where, options, host, store, record, reporter)
            tell_swept(sweep_files(where.state, store), reporter)  # also where nothing is prepared
            clear_entered(store)
            runner = _runner(plan, store, reporter, history, planned)
            if virt:
                _await_turn(record, plan, reporter)
                _prepare(composed, where, host, store, record, reporter)
            if options.resuming:
                give_up(options.resuming, where.state, reporter)
            runner.run(_context(composed, where, record, reporter, runner, virt, keeper))
            appliance.keep(host, virt, cache=where.state / "cache")
            end = {"ok": True, "image": first_image(runner.results)}
            return Outcome(record.id, first_image(runner.results), record.folder, plan, runner.seconds)
        except BaseException as error:
            failure = with_kept(_failure(error, redact), keeper.guest)
            text, code = (failure.text(), failure.exit_code) if failure else (repr(error), 70)
            end = {"ok": False, "error": text, "exit_code": code}
            if failure is None or failure is error:
                raise
            raise failure from None
        finally:
            mask_files(record.folder, redact)  # qemu and the installer write there themselves
            took = time.monotonic() - started
            if runner:
                tell_entered(record, runner.plan, store, reporter)
            own, kept = took - (outside.seconds - waited), told_of(keeper.guest)
            reporter.tell(_finished(record, composed, runner, end, took, own, kept))


def _planned(
    composed: Composed,
    where: Where,
    options: Options,
    host: Host,
    store: Store,
    record: BuildRecord,
    reporter: Reporter,
) -> tuple[Plan, Acceleration | None, History]:
    """Plan, and tell it: from then on others see in the record what this build takes from the store."""
    plan, damaged, gone = sound_plan(
        composed,
        store,
        record.folder,
        on_wait=lambda step, holder: reporter.tell(StageWaiting(step.stage.name, step.key, holder)),
        on_hashing=options.on_hashing,
        start=options.start,
        no_cache=options.no_cache,
    )
    virt = _acceleration(host, where, plan, reporter)
    history = read_history(where.state, plan, virt_types=(virt.virt_type,) if virt else ())
    reporter.tell(BuildStarted(record.id, plan.recipe, _outlook(plan, history)))
    for text in (*damaged, *gone):
        fix = "goldsmith store verify reads the others; see to this disk" if text in damaged else ""
        reporter.tell(Warned(text, fix=fix))
    record.set_virt_type(virt.virt_type if virt else "")  # it also saves the plan, for others to see
    return plan, virt, history


def _acceleration(host: Host, where: Where, plan: Plan, reporter: Reporter) -> Acceleration | None:
    """Return how guests run here; None when nothing is to be run, for then it need not be known."""
    if plan.cached:
        return None
    found = accel.detect(host, state=where.state)
    if found.virt_type != "kvm":
        reporter.tell(
            Warned(
                f"building without KVM ({found.reason}): guests run many times slower",
                fix="goldsmith doctor tells what KVM lacks on this host",
            )
        )
    return found


def _prepare(
    composed: Composed, where: Where, host: Host, store: Store, record: BuildRecord, reporter: Reporter
) -> None:
    """Do what must be right before the first stage starts, so that nothing fails late that could fail early."""
    check(composed.recipe, composed.kickstart, host, answers=composed.answers)
    check_signer(composed.stages)
    for doubt in doubts(composed.recipe, FAMILIES[composed.recipe.family]):
        reporter.tell(Warned(doubt.problem, fix=doubt.fix))
    if appliance.drop_changed(where.state / "cache"):
        reporter.tell(Warned("the appliance of libguestfs has changed since it was made, and is made again"))
    libvirtd.ensure_running(host, where.uri)
    tell_swept(sweep(where, store, composed.vault.redactor), reporter)
    tell_in_doubt(where, reporter)
    libvirtd.ensure_network_of(composed.machine.network, where.uri)
    record.rendered.mkdir(exist_ok=True)
    if composed.kickstart:
        files.write_atomically(record.rendered / "ks.cfg", composed.kickstart.text, mode=0o600)
    for path, answer in composed.answers.items():
        place = record.rendered / path
        place.parent.mkdir(exist_ok=True)
        files.write_atomically(place, answer.text, mode=0o600)


def _await_turn(record: BuildRecord, plan: Plan, reporter: Reporter) -> None:
    asked = next((step for step in plan.steps if step.reason.startswith(REMADE)), None)
    shown = asked or next(step for step in plan.steps if not step.cached)
    await_turn(
        record.folder,
        {step.key for step in plan.steps},
        remakes=asked is not None,
        on_wait=lambda holder: reporter.tell(StageWaiting(shown.stage.name, shown.key, holder)),
    )


def _failure(error: BaseException, redact: Mask) -> GoldsmithError | None:
    """Return what ends a build, as it is to be shown; None for a bug."""
    failure: GoldsmithError | None = None
    if isinstance(error, KeyboardInterrupt):
        failure = InterruptedBuild(
            "interrupted; everything that was running is stopped",
            fix="the same command goes on from there",
        )
    elif isinstance(error, GoldsmithError):
        failure = error
    elif isinstance(error, OSError):
        failure = host_fault(error)
    if failure:
        mask_error(failure, redact)
    return failure


def _runner(plan: Plan, store: Store, reporter: Reporter, history: History, planned: float) -> Runner:
    return Runner(
        plan=plan, store=store, reporter=reporter, results={}, expected=history.expected, planned=planned
    )


def _context(
    composed: Composed,
    where: Where,
    record: BuildRecord,
    reporter: Reporter,
    runner: Runner,
    virt: Acceleration | None,
    keeper: Keeper,
) -> Context:
    chosen = virt or Acceleration("qemu", "nothing is to be run")
    redact = composed.vault.redactor

    def host_for(stage: str) -> Host:
        return LocalHost(log=record.log(stage), mask=redact)

    def log_for(stage: str) -> Callable[[str], None]:
        path = record.log(stage)

        def write(line: str) -> None:
            with suppress(OSError), path.open("a", encoding="utf-8") as log:
                log.write(redact(line) + "\n")  # a full disk is told by the stage

        return write

    environment = guestfs.environment(chosen, cache=where.state / "cache") if virt else {}
    return Context(
        build=record.id,
        state=where.state,
        folder=record.folder,
        uri=where.uri,
        reporter=reporter,
        acceleration=chosen,
        guestfs_env=environment,
        results=runner.results,
        host_for=host_for,
        log_for=log_for,
        announce=runner.announce,
        keeper=keeper,
        patience=1.0 if chosen.virt_type == "kvm" else composed.recipe.machine.timeouts.without_kvm,
    )


def _outlook(plan: Plan, history: History) -> tuple[StageOutlook, ...]:
    return tuple(
        StageOutlook(step.stage.name, step.key, step.cached, step.reason, history.expected(step.stage.name))
        for step in plan.steps
    )


def _finished(
    record: BuildRecord,
    composed: Composed,
    runner: Runner | None,
    end: Mapping[str, object],
    seconds: float,
    own: float,
    kept: Mapping[str, object],
) -> BuildFinished:
    ok = bool(end.get("ok"))
    image = end.get("image")
    image = image if isinstance(image, Mapping) else {}
    code = end.get("exit_code", 0)
    return BuildFinished(
        build=record.id,
        recipe=composed.recipe.name,
        ok=ok,
        seconds=seconds,
        own_seconds=own,
        error=str(end.get("error", "")),
        exit_code=code if isinstance(code, int) else 1,
        folder=str(record.folder),
        image=image,
        stage_seconds=dict(runner.seconds) if runner else {},
        next_steps=next_steps(image) if ok else after_failure(record.id, kept),
        kept=kept,
    )
