"""What the disk of a Windows guest that is off says of its state; one appliance launch, nothing is written."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldsmith.audit.appliance import Appliance, converse
from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.guests.windows_causes import LOGS, cause_in
from goldsmith.host.process import Host
from goldsmith.plan.stage import Context

GENERALIZED = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
STATES = {
    GENERALIZED: "generalized",
    "IMAGE_STATE_COMPLETE": "Sysprep has never ended in it",
    "IMAGE_STATE_UNDEPLOYABLE": "Sysprep or Setup died half-way in it",
    "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE": "it was set up for one machine, but not generalized",
    "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT": "it was generalized for the audit mode",
    "IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT": "it starts in the audit mode",
}
MARKER = "/goldsmith/install-ok"
_HIVE = "/Windows/System32/config/SOFTWARE"
_STATE_KEY = ("Microsoft", "Windows", "CurrentVersion", "Setup", "State")
_ERROR = re.compile(r"^[\d\- :]+, (?:Fatal )?(?:Error|Fatal)\b|^!!! |\bERROR\b")
_MOST = 8 << 20  # bytes of one log that are kept: its end
EVIDENCE = 15


@dataclass(frozen=True)
class Found:
    """What was found; ``state`` is the ImageState, "" where there is none; ``logs`` are kept files by their name."""

    windows: bool
    state: str
    marker: bool
    logs: Mapping[str, Path]

    def errors(self) -> Iterator[str]:
        """Yield the lines of the logs that tell an error: those of setuperr.log first, for they hold nothing else."""
        for name in sorted(
            self.logs, key=lambda one: (not one.endswith("setuperr.log"), list(LOGS).index(one))
        ):
            for line in self.text(name).splitlines():
                if line.strip() and (name.endswith("setuperr.log") or _ERROR.search(line)):
                    yield line.strip()

    def text(self, name: str) -> str:
        """Return a log as text; Windows writes some in UTF-16."""
        if name not in self.logs:
            return ""
        data = self.logs[name].read_bytes()
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16", "replace")
        return data.decode("utf-8-sig", "replace")


def look_into(disk: Path, *, host: Host, env: Mapping[str, str], folder: Path) -> Found:
    """Return the state of the Windows on a disk, and keep its logs in ``folder``."""

    def talk(appliance: Appliance) -> Found:
        appliance.ask("run", must=True)
        logs: dict[str, Path] = {}
        for device in _ntfs(appliance):
            appliance.ask("mount-ro", device, "/")
            logs |= _keep_logs(appliance, folder)
            if _real(appliance, _HIVE):
                state = _image_state(appliance)
                return Found(windows=True, state=state, marker=bool(_real(appliance, MARKER)), logs=logs)
            appliance.ask("umount-all")
        return Found(windows=False, state="", marker=False, logs=logs)

    folder.mkdir(parents=True, exist_ok=True)
    return converse(disk, talk, driver="qcow2", host=host, env=env)


def explained(error: GuestError, disk: Path, context: Context, *, stage: str) -> GuestError:
    """Return a failure with the cause that the logs on the dead disk tell; they are kept in logs/windows."""
    log = context.log_for(stage)
    try:
        found = look_into(
            disk,
            host=context.host_for(stage),
            env=context.guestfs_env,
            folder=context.folder / "logs" / "windows",
        )
    except GoldsmithError as unreadable:  # the first failure is the one to tell
        log(f"the guest's disk cannot be read: {unreadable.text()}")
        return error
    lines = list(found.errors())
    log(
        f"kept from the guest's disk: {', '.join(sorted(found.logs)) or 'no logs'}; state {found.state or 'unknown'}"
    )
    if known := cause_in(lines):
        kind, cause, line = known
        evidence = [*error.evidence[-(EVIDENCE - 5) :], line]
        return GuestError(f"{error.problem}: {cause}", fix=kind.fix, at=error.at, evidence=evidence)
    tail = lines[-EVIDENCE:] or list(error.evidence)
    return GuestError(error.problem, fix=error.fix, at=error.at, evidence=tail)


def _ntfs(appliance: Appliance) -> Sequence[str]:
    pairs = (line.partition(": ") for line in appliance.text("list-filesystems").splitlines())
    return [device for device, _, kind in pairs if kind == "ntfs"]


def _real(appliance: Appliance, path: str) -> str:
    """Return a path as the file system spells it, "" where it has none: NTFS keeps the case that programs gave."""
    found = appliance.text("case-sensitive-path", path).strip()
    return found if found and appliance.text("exists", found).strip() == "true" else ""


def _image_state(appliance: Appliance) -> str:
    """Read ImageState from the hive SOFTWARE."""
    appliance.ask("hivex-open", _real(appliance, _HIVE))
    node = appliance.text("hivex-root").strip()
    for name in _STATE_KEY:
        node = appliance.text("hivex-node-get-child", node, name).strip()
        if not node.isdigit() or node == "0":
            return ""
    value = appliance.text("hivex-node-get-value", node, "ImageState").strip()
    state = appliance.text("hivex-value-string", value).strip() if value.isdigit() and value != "0" else ""
    appliance.ask("hivex-close")
    return state


def _keep_logs(appliance: Appliance, folder: Path) -> dict[str, Path]:
    kept: dict[str, Path] = {}
    for name, path in LOGS.items():
        real, target = _real(appliance, path), folder / name
        if not real:
            continue
        target.touch()
        size = int(appliance.text("filesize", real).strip() or 0)
        start = max(0, size - _MOST)
        appliance.ask("download-offset", real, str(target), str(start), str(size - start))
        kept[name] = target
    return kept
