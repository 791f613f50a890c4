"""sysprep.exe: generalize the installation, or say in its logs why not."""

import shutil

from goldsmith.media.windows_setup.answers import BadAnswerFile, read_answers
from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.panther import Panther
from goldsmith.media.windows_setup.shell import Call
from goldsmith.media.windows_setup.system import SERVICES, End, ImageState
from goldsmith.media.windows_setup.tree import in_setup

FOLDER = r"C:\Windows\System32\Sysprep"
_FLAGS = ("/generalize", "/oobe", "/shutdown", "/quiet", "/reboot", "/quit")
APP = "Microsoft.Goldsmith.StandinApp_1.0.0.0_x64__8wekyb3d8bbwe"
BLOCKED = (
    (
        "SYSPRP Package {app} was installed for a user, but not provisioned for all users. "
        "This package will not function properly in the sysprep image."
    ),
    "SYSPRP Failed to remove apps for the current user: 0x80073cf2.",
    "SYSPRP Exit code of RemoveAllApps thread was 0x3cf2.",
    "SYSPRP ActionPlatform::LaunchModule: Failure occurred while executing 'SysprepGeneralize' from "
    r"C:\Windows\System32\AppxSysprep.dll; dwRet = 0x3cf2",
    "SYSPRP SysprepSession::Validate: Error in validating actions from "
    r"C:\Windows\System32\Sysprep\ActionFiles\Generalize.xml; dwRet = 0x3cf2",
    "SYSPRP RunPlatformActions:Failed while validating Sysprep session actions; dwRet = 0x3cf2",
)


def sysprep(call: Call) -> int:
    """Carry out /generalize /oobe /shutdown /quiet; a failure returns, and leaves the machine on."""
    flags = [word.lower() for word in call.args if not word.lower().startswith("/unattend:")]
    if unknown := [one for one in flags if one not in _FLAGS]:
        raise UnsupportedError(f"sysprep {unknown[0]}")
    if not {"/generalize", "/oobe", "/quiet"} <= set(flags) or not {"/shutdown", "/reboot", "/quit"} & set(
        flags
    ):
        raise UnsupportedError(f"sysprep{call.raw} opens a window")
    system, drives = call.system, call.system.drives
    panther = Panther(drives.place(rf"{FOLDER}\Panther"))
    panther.info("SYSPRP ========================================================")
    panther.info("SYSPRP ===          Beginning of a new sysprep run (stand-in) ===")
    answer = next((word[10:] for word in call.args if word.lower().startswith("/unattend:")), "")
    if answer and (problem := _cache_answer_file(call, answer)):
        panther.error(f"SYSPRP {problem}")
        return 1
    if problem := _not_ready(call):
        panther.error(f"SYSPRP {problem}")
        return 1
    if system.fault == "sysprep-appx":
        for line in BLOCKED:
            panther.error(line.format(app=APP))
        system.set_state(ImageState.UNDEPLOYABLE)
        return 1
    _generalize(call)
    panther.info("SYSPRP Sysprep_Generalize: all actions done")
    drives.place(rf"{FOLDER}\Sysprep_succeeded.tag").write_bytes(b"")
    system.set_state(ImageState.GENERALIZED)
    in_setup(system.registry)
    raise End("reboot" if "/reboot" in flags else "off")


def _cache_answer_file(call: Call, path: str) -> str:
    """Copy the answer file to where the next start looks for it; return a problem, or ""."""
    drives = call.system.drives
    if not drives.exists(path, call.shell.folder):
        return f"Unable to find the answer file [{path}]; hr = 0x80070002"
    data = drives.place(path, call.shell.folder).read_bytes()
    try:
        read_answers(data)
    except BadAnswerFile as error:
        return f"The answer file [{path}] is invalid: {error}; hr = 0x8030000b"
    drives.place(r"C:\Windows\Panther\unattend.xml").write_bytes(data)
    return ""


def _not_ready(call: Call) -> str:
    """Return why Microsoft's preconditions of /generalize are not met, or ""."""
    registry = call.system.registry
    pending = (
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
        r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
    )
    if any(registry.key(one) is not None for one in pending):
        return (
            "There are one or more Windows updates that require a reboot. "
            "To run Sysprep, reboot the computer and restart the application."
        )
    if call.system.state != ImageState.COMPLETE:
        return f"The image state is {call.system.state}; Sysprep can run only on a complete installation"
    return ""


def _generalize(call: Call) -> None:
    """Remove what is this machine's own."""
    registry, drives = call.system.registry, call.system.drives
    registry.drop(rf"{SERVICES}\Tcpip\Parameters\Interfaces")
    for path in (r"C:\Windows\System32\winevt\Logs", r"C:\Windows\Logs\CBS"):
        place = drives.place(path)
        for one in place.iterdir() if place.is_dir() else ():
            one.unlink()
    registry.drop(r"HKLM\SYSTEM\MountedDevices")
    shutil.rmtree(drives.place(r"C:\$Recycle.Bin"), ignore_errors=True)
