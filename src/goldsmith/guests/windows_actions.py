"""Carry out one customize step in a running Windows guest, by its agent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath

from goldsmith.errors import GuestError, Mark
from goldsmith.guests.step_errors import told_as
from goldsmith.host.commands import Ran
from goldsmith.host.windows_agent import WindowsShell
from goldsmith.recipe.contents import contents
from goldsmith.recipe.scripts import script_text
from goldsmith.recipe.secrets import Secret
from goldsmith.recipe.steps import Run, Services, Step, Upload, Write

STAGING = "C:\\goldsmith"
POWERSHELL = ("powershell", "powershell.exe")
CMD = ("cmd", "cmd.exe")


@dataclass(frozen=True)
class WindowsHand:
    """A way to act in a Windows guest, as SYSTEM; ``timeout`` is in seconds for each step."""

    shell: WindowsShell
    on_line: Callable[[str], None]
    reveal: Callable[[str | Secret], str]
    timeout: float

    def powershell(self, script: str, *, env: Mapping[str, str] | None = None) -> Ran:
        return self.shell.powershell(script, env=env, on_line=self.on_line, timeout=self.timeout)


def perform(step: Step, hand: WindowsHand, *, at: Mark | None) -> None:
    """Do one step; raises GuestError with the step's last lines and its place in the recipe."""
    with told_as(step, at):
        _ACTIONS[step.kind](step.action, hand)


def interpreter_of(action: Run) -> str:
    """Return what reads a script: cmd for batch files or where the recipe says so, else PowerShell."""
    said = (action.interpreter or "").lower()
    if said in CMD or (not said and action.file and action.file.suffix.lower() in (".cmd", ".bat")):
        return "cmd"
    return "powershell"


def _run(action: Run, hand: WindowsHand) -> None:
    script = script_text(action.file, utf_16=True) if action.file else action.script or ""
    environment = {name: hand.reveal(value) for name, value in action.environment.items()}
    if interpreter_of(action) == "cmd":
        ran = _batch(script, environment, hand)
    else:
        ran = hand.powershell(script, env=environment)
    if ran.code not in action.allowed_exit_codes:
        raise GuestError(f"the script ended with exit status {ran.code}", evidence=ran.tail)


def _batch(script: str, environment: Mapping[str, str], hand: WindowsHand) -> Ran:
    """Run a batch file, which cmd reads only from a disk; what it gets as environment is not written there."""
    path = f"{STAGING}\\step.cmd"
    lines = script.replace("\r\n", "\n").removesuffix("\n").split("\n")
    hand.shell.folder(STAGING)
    hand.shell.put_bytes("".join(f"{line}\r\n" for line in lines).encode(), path)
    try:
        if environment:
            return hand.powershell(f"cmd.exe /d /c {path}\nexit $LASTEXITCODE\n", env=environment)
        return hand.shell.cmd(path, on_line=hand.on_line, timeout=hand.timeout)
    finally:
        hand.shell.delete(path)


def _write(action: Write, hand: WindowsHand) -> None:
    content = action.file.read_bytes() if action.file else hand.reveal(action.content or "").encode()
    hand.shell.folder(str(PureWindowsPath(action.path).parent))
    hand.shell.put_bytes(content, action.path)


def _upload(action: Upload, hand: WindowsHand) -> None:
    if action.source.is_file():
        hand.shell.folder(str(PureWindowsPath(action.dest).parent))
    for one in sorted(contents(action.source)):  # a folder comes before what it holds
        dest = str(PureWindowsPath(action.dest, *one.relative_to(action.source).parts))
        if one.is_dir():
            hand.shell.folder(dest)
        else:
            hand.shell.put(one, dest)


def _services(action: Services, hand: WindowsHand) -> None:
    for start, names in (("auto", action.enable), ("disabled", (*action.disable, *action.mask))):
        for name in names:
            hand.shell.must("sc", "config", name, "start=", start)


_ACTIONS: Mapping[str, Callable[..., None]] = {
    "run": _run,
    "write": _write,
    "upload": _upload,
    "services": _services,
}
