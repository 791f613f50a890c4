"""Whether Sysprep really generalized a Windows, and if not, why: a power-off alone proves nothing.

The image states are Microsoft's ("Windows Setup States"). The texts of CAUSES are those of Microsoft's support pages
and of public reports; no real medium was at hand to see them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

GENERALIZED = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
_STATES = {
    "IMAGE_STATE_COMPLETE": "Sysprep did not run, or refused to",
    "IMAGE_STATE_UNDEPLOYABLE": "Setup or Sysprep stopped half-way",
    "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE": "Windows was specialized after Sysprep: somebody started the image",
    "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT": "Sysprep was told /audit, not /oobe",
    "IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT": "Sysprep was told /audit, without /generalize",
}
_MOST_EVIDENCE = 6  # lines


@dataclass(frozen=True)
class Traces:
    """What Sysprep left on the disk; logs are texts, "" where there is none."""

    image_state: str = ""  # of the registry
    state_file: str = ""  # \Windows\Setup\State\State.ini, the whole text
    errors: str = ""  # \Windows\System32\Sysprep\Panther\setuperr.log
    log: str = ""  # setupact.log beside it, at least its end
    succeeded: bool = False  # Sysprep_succeeded.tag is there
    missing: str = ""  # why nothing could be looked at


@dataclass(frozen=True)
class Verdict:
    """``cause`` and ``fix`` are empty for a good one; ``evidence`` are lines of the logs that prove the cause."""

    good: bool
    image_state: str
    cause: str = ""
    fix: str = ""
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cause:
    """A reason for which Sysprep gives up; groups of the pattern fill ``{0}`` of the other texts."""

    pattern: str
    cause: str
    fix: str
    example: str  # a line of its logs
    source: str = "Microsoft's support pages"


CAUSES = (
    Cause(
        r"Package (\S+) was installed for a user, but not provisioned for all users",
        "the Store app {0} was installed for one user only (0x80073cf2)",
        "a customize step before Sysprep: Remove-AppxPackage -AllUsers -Package {0}",
        "2026-08-15 11:15:35, Error                 SYSPRP Package "
        "Microsoft.MicrosoftEdge.Stable_151.0.4129.86_neutral__8wekyb3d8bbwe was installed for a "
        "user, but not provisioned for all users. This package will not function properly in the "
        "sysprep image.",
        "Microsoft KB 2769827, and logs as published",
    ),
    Cause(
        r"Failed to remove apps for the current user|0x80073cf2",
        "a Store app was installed for one user only (0x80073cf2)",
        "a customize step before Sysprep: Get-AppxPackage -AllUsers, then Remove-AppxPackage of those not provisioned",
        "2026-08-15 11:15:35, Error                 SYSPRP Failed to remove apps for the current "
        "user: 0x80073cf2.",
        "Microsoft KB 2769827, and logs as published",
    ),
    Cause(
        r"BitLocker is on for the OS volume|0x80310039",
        "BitLocker encrypts the system volume (0x80310039)",
        "set PreventDeviceEncryption=1 while Windows installs; manage-bde -off C: in a customize step",
        "2024-03-05 11:02:51, Error                 SYSPRP BitLocker-Sysprep: BitLocker is on for the"
        " OS volume. Turn BitLocker off to run Sysprep. (0x80310039)",
    ),
    Cause(
        r"Windows updates that require a reboot|0x800f0975|if there is an active scenario",
        "updates wait for a reboot",
        "a customize step that reboots before Sysprep, or another round of updates",
        "2024-03-05 11:03:20, Error                 SYSPRP Sysprep_Clean_Validate_Opk: Audit mode "
        "can't be turned on if there is an active scenario.; hr = 0x800F0975",
        "Microsoft's support pages on reserved storage",
    ),
    Cause(
        r"maximum allowed number of re-?arms|0xc004d307|rearm count",
        "the licence was rearmed too often (0xC004D307)",
        "build from the medium again; SkipRearm=1 in the pass generalize while testing",
        "2024-03-05 11:04:08, Error      [0x0f0082] SYSPRP ActionPlatform::LaunchModule: Failure "
        "occurred while executing 'SLReArmWindows' from slc.dll; dwRet = 0xc004d307",
    ),
    Cause(
        r"Sysprep will not run on an upgraded OS",
        "this Windows was upgraded from another, which Sysprep refuses",
        "install from a medium of the wanted version",
        "2024-03-05 11:05:40, Error      [0x0f0036] SYSPRP spopk.dll:: Sysprep will not run on an "
        "upgraded OS. You can only run Sysprep on a custom (clean) install version of Windows.",
    ),
    Cause(
        r"the machine is in an invalid state or we couldn.t update the recorded state",
        "an earlier Sysprep of this Windows had failed",
        "build again from the install stage: goldsmith build --from install",
        "2024-03-05 11:06:12, Error      [0x0f00a8] SYSPRP WinMain:Hit failure while processing "
        "sysprep generalize: the machine is in an invalid state or we couldn't update the recorded "
        "state, dwRet = 0x1f",
    ),
    Cause(
        r"(?:unattend|answer) file.*?(?:not valid|invalid|could not be (?:parsed|read))|0x80220001",
        "Sysprep could not read the answer file",
        "goldsmith validate; look at Unattend.xml in goldsmith render",
        "2024-03-05 11:06:30, Error      [0x060432] IBS    The provided unattend file is not valid; "
        "hrResult = 0x80220001",
        "setuperr.log, as published",
    ),
    Cause(
        r"cloudbase-?init.*?(?:failed|error|exit code [^0\s])",
        "Cloudbase-Init failed while Sysprep ran",
        "look into cloudbase-init.log among the build's logs; check plugins and metadata_services",
        "2024-03-05 11:07:02, Error      [0x0f0043] SYSPRP RunExternalDlls: cloudbase-init.exe failed"
        " with exit code 2",
        "in the format of setuperr.log",
    ),
)


def generalized(traces: Traces) -> Verdict:
    """Judge what Sysprep left behind; the first cause of the table that the logs show is named."""
    if traces.missing:
        return Verdict(
            good=False, image_state="", cause=traces.missing, fix="look at the screenshots of the build"
        )
    notes = () if traces.succeeded else ("Sysprep_succeeded.tag is absent",)
    written = _state_of(traces.state_file)
    problems = list(_problems(traces, written))
    if not problems:
        return Verdict(good=True, image_state=traces.image_state, notes=notes)
    cause, fix, evidence = _cause(traces)
    return Verdict(
        good=False,
        image_state=traces.image_state,
        cause=": ".join(filter(None, (problems[0], cause))),
        fix=fix or "look into setupact.log and setuperr.log of Sysprep among the build's logs",
        evidence=evidence,
        notes=notes,
    )


def _problems(traces: Traces, written: str) -> Iterator[str]:
    state = traces.image_state
    if state != GENERALIZED:
        meaning = (
            _STATES.get(state, "a state that Microsoft does not name") if state else "it has no ImageState"
        )
        yield (
            f"Windows is not generalized ({state}): {meaning}"
            if state
            else f"Windows is not generalized: {meaning}"
        )
    elif written and written != GENERALIZED:
        yield f"State.ini says {written}, the registry {state}"
    if traces.errors.strip():
        yield "Sysprep wrote errors into setuperr.log"


def _state_of(text: str) -> str:
    found = re.search(r"^\s*ImageState\s*=\s*(\S+)", text, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def _cause(traces: Traces) -> tuple[str, str, tuple[str, ...]]:
    """Return cause, fix and evidence; errors tell more than the whole log, which also tells what was harmless."""
    lines = [line.strip() for line in traces.errors.splitlines() if line.strip()]
    whole = [line.strip() for line in traces.log.splitlines() if re.search(r", (?:Error|Warning)\b", line)]
    for text in (lines, whole):
        for cause in CAUSES:
            hits = [
                (line, found) for line in text if (found := re.search(cause.pattern, line, re.IGNORECASE))
            ]
            if hits:
                words = hits[0][1].groups()
                return (
                    cause.cause.format(*words),
                    cause.fix.format(*words),
                    tuple(line for line, _ in hits[:_MOST_EVIDENCE]),
                )
    first = lines or [line for line in whole if ", Error" in line]
    return "", "", tuple(first[:_MOST_EVIDENCE])
