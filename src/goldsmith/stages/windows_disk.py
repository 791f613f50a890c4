"""What the disk of a Windows guest that is off says of how it ended; nothing is written to it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from goldsmith.audit.windows_logs import prove, pull_logs
from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.guests.watch import UNKNOWN
from goldsmith.guests.windows_causes import Errors, cause_in
from goldsmith.plan.stage import Context
from goldsmith.stages.evidence import FAILURE, with_kept

# A line that tells an error: of Setup and Sysprep, of setupapi.dev.log, of Cloudbase-Init.
_ERROR = re.compile(r"^[\d\- :]+, (?:Fatal )?(?:Error|Fatal)\b|^!!! |\bERROR\b")
_OPEN = f"; {UNKNOWN}"  # how an error ends whose cause is looked for
EVIDENCE = 15
SCREENSHOTS = "screenshots"  # folder of the build's record


def logs_folder(context: Context) -> Path:
    return context.folder / "logs" / "windows"


def pull_once(disk: Path, context: Context, *, stage: str) -> Sequence[Path]:
    """Bring the logs on a dead disk to logs/windows, unless that was done already, and return them.

    The disk of a guest that stays is in use, and is left alone.
    """
    folder, log = logs_folder(context), context.log_for(stage)
    if context.keeper.guest or folder.exists():
        return ()
    try:
        logs = pull_logs(
            disk, driver="qcow2", host=context.host_for(stage), env=context.guestfs_env, into=folder
        )
    except GoldsmithError as unreadable:  # the first failure is the one to tell
        log(f"the guest's disk cannot be read: {unreadable.text()}")
        return ()
    log(f"kept from the guest's disk: {', '.join(one.name for one in logs) or 'no logs'}")
    return logs


def explained(error: GuestError, disk: Path, context: Context, *, stage: str) -> GuestError:
    """Return the failure of an install with the cause that the logs on the dead disk tell."""
    logs = pull_once(disk, context, stage=stage)
    return with_cause(error, errors_in(logs)) if logs else error


def with_cause(error: GuestError, errors: Errors) -> GuestError:
    """Return a failure with the cause that the errors of its logs tell, and else with those that tell most."""
    problem = error.problem.removesuffix(_OPEN)
    if known := cause_in(errors):
        kind, cause, line = known
        evidence = [*error.evidence[-(EVIDENCE - 5) :], line]
        return GuestError(f"{problem}: {cause}", fix=kind.fix, at=error.at, evidence=evidence)
    if problem != error.problem:
        problem = f"{problem}{_OPEN}, nor in the logs of its disk"
    evidence = [*error.evidence[-5:], *errors.evidence(EVIDENCE)]
    return GuestError(problem, fix=error.fix, at=error.at, evidence=evidence)


def with_windows_kept(error: GuestError, context: Context) -> GuestError:
    """Return the error with the names of all that was kept of a Windows guest: screens, logs, definition."""
    folders = [context.folder / FAILURE, logs_folder(context), context.folder / SCREENSHOTS]
    return with_kept(error, folders)


def not_generalized(disk: Path, context: Context, *, stage: str) -> GuestError | None:
    """Return why Sysprep's work on a disk is not good, its logs kept in logs/windows; None where it is."""
    verdict = prove(
        disk,
        driver="qcow2",
        host=context.host_for(stage),
        env=context.guestfs_env,
        logs=logs_folder(context),
    )
    for note in verdict.notes:
        context.log_for(stage)(note)
    if verdict.good:
        return None
    return GuestError(verdict.cause, fix=verdict.fix, evidence=verdict.evidence)


def errors_in(logs: Sequence[Path]) -> Errors:
    """Return the lines that tell an error, by who wrote them; those of setuperr.log first, which holds no others."""
    ordered = sorted(logs, key=lambda one: (not _only_errors(one), one.name))
    drivers = [one for one in ordered if "setupapi." in one.name.lower()]
    setup = [one for one in ordered if "panther-" in one.name.lower()]
    others = [one for one in ordered if one not in drivers and one not in setup]
    return Errors(setup=_lines_of(setup), others=_lines_of(others), drivers=_lines_of(drivers))


def _lines_of(logs: Iterable[Path]) -> list[str]:
    """Return each once: what setuperr.log says is in setupact.log, too."""
    return list(dict.fromkeys(line for one in logs for line in _errors(one)))


def _errors(path: Path) -> Iterator[str]:
    if path.suffix != ".log":
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip() and (_only_errors(path) or _ERROR.search(line)):
            yield line.strip()


def _only_errors(path: Path) -> bool:
    return path.name.lower().endswith("setuperr.log")
