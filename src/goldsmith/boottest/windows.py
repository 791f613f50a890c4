"""One boot of a Windows guest as an instance, through its agent alone: it has no sshd, and says little on COM1."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from goldsmith.boottest.facts import Boot, Heard, sections
from goldsmith.boottest.own import OwnCheck, answered
from goldsmith.boottest.probe import WINDOWS
from goldsmith.boottest.seed import Instance
from goldsmith.errors import GuestError
from goldsmith.guests.windows_causes import LOOP
from goldsmith.guests.windows_session import WindowsSession
from goldsmith.host import retry
from goldsmith.host.windows_agent import WindowsShell

_ASK = 300.0  # seconds for one script
_EVERY = 10.0  # seconds
_OFF = 300.0  # seconds; Nova's os_shutdown_timeout for Windows


def boot_windows(
    session: WindowsSession,
    instance: Instance,
    heard: Heard,
    *,
    timeout: float,
    whole: bool,
    tell: Callable[[str], None],
    own: Sequence[OwnCheck] = (),
    picture: Callable[[], object] = lambda: None,
    every: float = _EVERY,
) -> Boot:
    """Return what one boot showed. The first boot of an image resets the machine, so the agent comes and goes.

    Raises GuestError when no agent ever answered, or when the guest starts again and again.
    """
    begun = time.monotonic()
    seen: dict[str, Sequence[str]] = {}

    def done() -> bool | None:
        session.require_running(meanwhile="it was waited for", fix="the screenshot shows where it stopped")
        if loop := heard.starts.loop:
            raise GuestError(loop, evidence=session.evidence(), fix=LOOP.fix)
        if session.hypervisor.agent_ready(session.name):
            with suppress(GuestError):  # it is just being reset
                seen.update(_asked(session))
        finished = any("Plugins execution done" in line for line in seen.get("cloudbase", ()))
        complete = "IMAGE_STATE_COMPLETE" in seen.get("image-state", ())
        return True if (finished and complete) or time.monotonic() - begun > timeout else None

    retry.until(done, what="end of the first start", deadline=timeout + 600, every=every)
    if not seen:
        raise GuestError(
            f"the guest did not come up in {timeout:.0f} s: its guest agent never answered",
            evidence=session.evidence(),
            fix="the screenshot shows where it stands: a stop code, the out-of-box experience, or no agent",
        )
    seconds = time.monotonic() - begun
    tell(f"asked after {seconds:.0f} s" + ("; pressing the power button" if whole else ""))
    picture()
    shell = WindowsShell(session.hypervisor, session.name)
    answers = answered(lambda one: shell.powershell(one.script, timeout=one.timeout), own) if whole else ()
    off = _press_power(session) if whole else None
    return Boot(instance, heard, None, agent=True, seen=seen, seconds=seconds, off=off, own=answers)


def _asked(session: WindowsSession) -> dict[str, Sequence[str]]:
    lines: list[str] = []
    WindowsShell(session.hypervisor, session.name).powershell(WINDOWS, on_line=lines.append, timeout=_ASK)
    return sections(lines)


def _press_power(session: WindowsSession) -> float | None:
    start = time.monotonic()
    try:
        session.hypervisor.shutdown(session.name, button=True)
        session.await_power_off(_OFF)
    except GuestError:
        return None
    return time.monotonic() - start
