"""What the disk of a Windows guest that is off says of how it ended; nothing is written to it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from goldsmith.audit.windows_logs import prove, pull_logs
from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.guests.windows_causes import cause_in
from goldsmith.plan.stage import Context
from goldsmith.stages.evidence import FAILURE, with_kept

# A line that tells an error: of Setup and Sysprep, of setupapi.dev.log, of Cloudbase-Init.
_ERROR = re.compile(r"^[\d\- :]+, (?:Fatal )?(?:Error|Fatal)\b|^!!! |\bERROR\b")
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
    if not logs:
        return error
    lines = list(errors_in(logs))
    if known := cause_in(lines):
        kind, cause, line = known
        evidence = [*error.evidence[-(EVIDENCE - 5) :], line]
        return GuestError(f"{error.problem}: {cause}", fix=kind.fix, at=error.at, evidence=evidence)
    evidence = [*error.evidence[-5:], *lines[-EVIDENCE:]]
    return GuestError(error.problem, fix=error.fix, at=error.at, evidence=evidence)


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


def errors_in(logs: Sequence[Path]) -> Iterator[str]:
    """Yield the lines that tell an error: those of every setuperr.log first, for these hold nothing else."""
    for path in sorted(logs, key=lambda one: (not _only_errors(one), one.name)):
        if path.suffix != ".log":
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.strip() and (_only_errors(path) or _ERROR.search(line)):
                yield line.strip()


def _only_errors(path: Path) -> bool:
    return path.name.lower().endswith("setuperr.log")
