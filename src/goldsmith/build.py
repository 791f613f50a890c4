"""One build from start to end: record, sweep, plan, run, summary."""

import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from goldsmith.compose import Composed, Where, check
from goldsmith.errors import GoldsmithError, InterruptedBuild
from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    Event,
    Reporter,
    StageOutlook,
    Tee,
    ToolSaid,
    Warned,
)
from goldsmith.host import accel, files, guestfs, libvirtd
from goldsmith.host.accel import Acceleration
from goldsmith.host.clock import outside
from goldsmith.host.hypervisor import connect
from goldsmith.host.process import Host, LocalHost
from goldsmith.plan.planner import Plan, make_plan
from goldsmith.plan.stage import Context, Entry, Inputs, Json
from goldsmith.plan.store import Store
from goldsmith.record import BuildRecord, History, read_history
from goldsmith.runner import Runner
from goldsmith.stages.parts import DOMAIN_PREFIX
from goldsmith.stages.register import FACTS, registered


@dataclass(frozen=True)
class Options:
    """How to build: ``start`` names the first stage that runs although its result is there; "" is none."""

    start: str = ""
    no_cache: bool = False
    build_id: str | None = None


@dataclass(frozen=True)
class Outcome:
    build: str
    image: Mapping[str, object]
    folder: Path
    plan: Plan
    seconds: Mapping[str, float] = field(default_factory=dict)


def plan_of(composed: Composed, store: Store, options: Options = Options()) -> Plan:
    """Return the plan of a recipe against a store; reads, and changes nothing."""
    names = [stage.name for stage in composed.stages]
    begin = names.index(options.start) if options.start in names else len(names)

    def forced(name: str) -> str:
        if options.no_cache and name != "fetch":
            return "asked for: --no-cache"
        return f"asked for: --from {options.start}" if names.index(name) >= begin else ""

    keyed = make_plan(composed.recipe.name, composed.stages, has=store.has, last={}, forced=forced)
    if keyed.cached:
        return keyed
    last = _last_inputs(store, composed.recipe.name)
    return make_plan(composed.recipe.name, composed.stages, has=store.has, last=last, forced=forced)


def run_build(composed: Composed, where: Where, view: Reporter, options: Options) -> Outcome:
    """Build, with everything reported to ``view`` and kept in the build's record."""
    store, builds = Store(where.state), where.state / "builds"
    store.prepare()
    host = LocalHost(mask=composed.vault.redactor)
    started, waited = time.monotonic(), outside.seconds
    record = BuildRecord.create(builds, recipe=composed.recipe.name, build_id=options.build_id)
    reporter = Tee(record, view)
    runner: Runner | None = None
    end: dict[str, object] = {}
    with record:
        try:
            plan = plan_of(composed, store, options)
            virt = _acceleration(host, where, plan, reporter)
            record.set_virt_type(virt.virt_type if virt else "")
            history = read_history(builds, recipe=plan.recipe, virt_type=virt.virt_type if virt else "")
            reporter.tell(BuildStarted(record.id, plan.recipe, _outlook(plan, history)))
            runner = _runner(plan, store, reporter, history)
            if virt:
                _prepare(composed, where, host, store, record, reporter)
            runner.run(_context(composed, where, record, reporter, runner, virt))
            end = {"ok": True}
            return Outcome(record.id, _image(runner.results), record.folder, plan, runner.seconds)
        except KeyboardInterrupt:
            stopped = InterruptedBuild(
                "interrupted; everything that was running is stopped",
                fix="the same command goes on from there",
            )
            end = {"ok": False, "error": stopped.text(), "exit_code": stopped.exit_code}
            raise stopped from None
        except GoldsmithError as error:
            end = {"ok": False, "error": error.text(), "exit_code": error.exit_code}
            raise
        except BaseException as error:
            end = {"ok": False, "error": repr(error), "exit_code": 70}
            raise
        finally:
            took = time.monotonic() - started
            reporter.tell(_finished(record, composed, runner, end, took, took - (outside.seconds - waited)))


def sweep(where: Where, store: Store) -> list[str]:
    """Remove what killed builds of this state folder left: domains, half layers, seeds. Return what was found."""
    swept = [f"half-made layer {key[:12]}" for key in store.sweep()]
    for folder in (where.state / "run").glob("*"):
        if _is_dead(where.state, folder.name):
            shutil.rmtree(folder, ignore_errors=True)
            swept.append(f"seed of {folder.name}")
    with connect(where.uri) as hypervisor:
        for domain in hypervisor.domains(DOMAIN_PREFIX):
            words = dict(word.partition("=")[::2] for word in domain.description.split())
            if words.get("state") == str(where.state) and _is_dead(where.state, words.get("build", "")):
                hypervisor.destroy(domain.name)
                hypervisor.undefine(domain.name)
                swept.append(f"machine {domain.name}")
    return swept


def _is_dead(state: Path, build: str) -> bool:
    return not files.is_locked(state / "builds" / build / "lock")


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
    check(composed.recipe, composed.kickstart, host)
    libvirtd.ensure_running(host, where.uri)
    for found in sweep(where, store):
        reporter.tell(Warned(f"removed what a killed build had left: {found}"))
    if composed.machine.network == "network=default":
        with connect(where.uri) as hypervisor:
            libvirtd.ensure_network(hypervisor)
    record.rendered.mkdir(exist_ok=True)
    files.write_atomically(record.rendered / "ks.cfg", composed.kickstart.text, mode=0o600)


def _runner(plan: Plan, store: Store, reporter: Reporter, history: History) -> Runner:
    return Runner(plan=plan, store=store, reporter=reporter, results={}, expected=history.expected)


def _context(
    composed: Composed,
    where: Where,
    record: BuildRecord,
    reporter: Reporter,
    runner: Runner,
    virt: Acceleration | None,
) -> Context:
    chosen = virt or Acceleration("qemu", "nothing is to be run")
    redact = composed.vault.redactor

    def host_for(stage: str) -> Host:
        composed.fresh.add(stage)
        return LocalHost(log=record.log(stage), mask=redact)

    def log_for(stage: str) -> Callable[[str], None]:
        path = record.log(stage)

        def write(line: str) -> None:
            with path.open("a", encoding="utf-8") as log:
                log.write(redact(line) + "\n")

        return write

    environment = guestfs.environment(chosen, cache=where.state / "cache") if virt else {}
    return Context(
        build=record.id,
        state=where.state,
        folder=record.folder,
        uri=where.uri,
        reporter=_Masked(reporter, redact),
        acceleration=chosen,
        guestfs_env=environment,
        results=runner.results,
        host_for=host_for,
        log_for=log_for,
        announce=runner.announce,
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
) -> BuildFinished:
    ok = bool(end.get("ok"))
    image = _image(runner.results) if runner and ok else {}
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
        next_steps=_next_steps(image)
        if ok
        else [f"goldsmith logs {record.id}", f"goldsmith show {record.id}"],
    )


def _next_steps(image: Mapping[str, object]) -> Sequence[str]:
    if not image:
        return ["goldsmith image list"]
    return [
        f"goldsmith image show {image['id']}",
        f"goldsmith image export {image['id']} {image['name']}.{image['disk_format']}",
    ]


def _image(results: Mapping[str, Entry]) -> Mapping[str, object]:
    if "register" not in results:
        return {}
    with suppress(OSError, ValueError, LookupError):
        return registered((results["register"].folder / FACTS).read_text(encoding="utf-8"))[0]
    return {}


def _last_inputs(store: Store, recipe: str) -> Mapping[str, Inputs]:
    """Return the inputs of the newest entry of each stage of a recipe; they only make reasons readable."""
    newest: dict[str, tuple[float, Mapping[str, Json]]] = {}
    for one in store.entries():
        if one.recipe == recipe and one.created >= newest.get(one.stage, (0.0, {}))[0]:
            inputs = store.facts(one.entry.key).get("inputs")
            newest[one.stage] = (one.created, inputs if isinstance(inputs, Mapping) else {})
    return {stage: inputs for stage, (_, inputs) in newest.items()}


class _Masked:
    """Takes secrets out of what tools and guests say before anyone hears it."""

    def __init__(self, inner: Reporter, mask: Callable[[str], str]) -> None:
        self._inner = inner
        self._mask = mask

    def tell(self, event: Event) -> None:
        if isinstance(event, ToolSaid):
            event = replace(event, line=self._mask(event.line))
        self._inner.tell(event)


@contextmanager
def stoppable() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, so that a stopped service cleans up too."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
