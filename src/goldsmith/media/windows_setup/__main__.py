"""The stand-in's main program: find out how far Windows is, go on from there, and end the machine."""

import json
import queue
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from goldsmith.media.windows_setup import machine, setup, winpe
from goldsmith.media.windows_setup.agent import Agent
from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.panther import Panther
from goldsmith.media.windows_setup.paths import Drives
from goldsmith.media.windows_setup.registry import Registry
from goldsmith.media.windows_setup.services import exists, is_running
from goldsmith.media.windows_setup.system import Dialog, End, ImageState, System, wait_for_ever

BANNER = "Goldsmith stand-in for Windows Setup (not Windows)"
AGENT_PORT = "org.qemu.guest_agent.0"
MARK = "Windows/Boot/Standin/standin.json"
ENVIRONMENT = {
    "SYSTEMROOT": r"C:\Windows",
    "WINDIR": r"C:\Windows",
    "SYSTEMDRIVE": "C:",
    "PROGRAMFILES": r"C:\Program Files",
    "PROGRAMFILES(X86)": r"C:\Program Files (x86)",
    "PROGRAMDATA": r"C:\ProgramData",
    "ALLUSERSPROFILE": r"C:\ProgramData",
    "PUBLIC": r"C:\Users\Public",
    "TEMP": r"C:\Windows\Temp",
    "TMP": r"C:\Windows\Temp",
    "COMSPEC": r"C:\Windows\System32\cmd.exe",
    "PATH": r"C:\Windows\System32;C:\Windows;C:\Windows\System32\WindowsPowerShell\v1.0",
    "PATHEXT": ".COM;.EXE;.BAT;.CMD",
    "OS": "Windows_NT",
    "PROCESSOR_ARCHITECTURE": "AMD64",
    "USERNAME": "SYSTEM",
}


def main() -> None:
    with open("/dev/console", "w", encoding="utf-8", errors="replace") as screen:  # noqa: PTH123
        serial = _serial()
        print(f"\n{BANNER}\n", file=screen, flush=True)
        print(BANNER, end="\r\n", file=serial, flush=True)
        try:
            how = _run(screen, serial)
        except UnsupportedError as error:
            _fail(screen, serial, f"the stand-in for Windows does not know this: {error}")
            how = "off"
        except Exception:  # noqa: BLE001 — whatever it is, the host has to see it
            _fail(screen, serial, traceback.format_exc())
            how = "off"
        machine.end(how)


def _serial() -> TextIO:
    try:
        return open("/dev/ttyS0", "w", encoding="utf-8", errors="replace", newline="")  # noqa: PTH123
    except OSError:
        return open("/dev/null", "w", encoding="utf-8")  # noqa: PTH123


def _fail(screen: TextIO, serial: TextIO, text: str) -> None:
    for stream, end in ((screen, "\n"), (serial, "\r\n")):
        print(
            *(f"STANDIN-BROKEN {line}" for line in text.splitlines()),
            sep=end,
            end=end,
            file=stream,
            flush=True,
        )


def _run(screen: TextIO, serial: TextIO) -> str:
    roots, labels = {}, {}
    discs = []
    for letter, device in zip("DEFGHIJK", machine.discs(), strict=False):
        roots[letter] = machine.mount(device, letter, "iso9660")
        labels[letter] = machine.label_of(device)
        discs.append(letter)
    if "standin.medium=cd" in Path("/proc/cmdline").read_text():
        return _install(screen, serial, Drives(roots, labels), discs)
    roots["C"] = _find_windows()
    labels["C"] = "Windows"
    registry = Registry(roots["C"] / "Windows/System32/config", roots["C"] / "Users/Administrator/NTUSER.DAT")
    panther = Panther(roots["C"] / "Windows/Panther")
    system = System(Drives(roots, labels), registry, panther, screen, serial, environment=dict(ENVIRONMENT))
    system.fault = registry.text(r"HKLM\SOFTWARE\Goldsmith\Standin", "Fault")
    try:
        how = _windows(system, discs)
    finally:
        registry.save()
        machine.unmount(roots["C"])
    return how


def _install(screen: TextIO, serial: TextIO, drives: Drives, discs: list[str]) -> str:
    """Run the pass windowsPE, with a registry and a drive X: of its own."""
    x = Path("/run/x")
    (x / "Windows/System32/config").mkdir(parents=True)
    (x / "Windows/Temp").mkdir()
    system = System(
        Drives({**drives.roots, "X": x}, drives.labels),
        Registry(x / "Windows/System32/config", x / "NTUSER.DAT"),
        Panther(x / "Windows/Panther"),
        screen,
        serial,
        environment={**ENVIRONMENT, "SYSTEMROOT": r"X:\Windows", "SYSTEMDRIVE": "X:"},
    )
    medium = next((one for one in discs if drives.exists(rf"{one}:\sources\standin.json")), "")
    facts: Mapping[str, str] = {}
    if medium:
        facts = json.loads(drives.place(rf"{medium}:\sources\standin.json").read_text())
    system.fault = facts.get("fault", "")
    try:
        winpe.run(system, discs, [])
    except End as end:
        return end.how
    except Dialog as dialog:
        _show(system, dialog)
    return "off"


def _find_windows() -> Path:
    """Mount the partition that holds the installed system."""
    for disk in machine.disks():
        for place in sorted(Path("/dev").glob(f"{disk.device.name}[0-9]*")):
            try:
                root = machine.mount(place, "c", "ntfs")
            except OSError:
                continue
            if (root / MARK).is_file():
                return root
            machine.unmount(root)
    raise OSError("no disk holds the stand-in's Windows")


def _windows(system: System, discs: list[str]) -> str:
    """Go on from where the image state says; return how the machine ends."""
    try:
        answers = None
        if system.state == ImageState.GENERALIZED:
            setup.specialize(system, discs)
        if system.state == ImageState.SPECIALIZED:
            answers = setup.welcome(system, discs)
        setup.start_services(system)
        ends: queue.SimpleQueue[End | Dialog] = queue.SimpleQueue()
        machine.on_power_button(lambda: ends.put(End("off")))
        setup.log_on(system, answers)
        if system.pending:
            return system.pending
        _serve(system, ends)
        end = ends.get()
        if isinstance(end, Dialog):
            _show(system, end)
        return end.how if isinstance(end, End) else "off"
    except End as end:
        return end.how
    except Dialog as dialog:
        system.registry.save()
        _show(system, dialog)
        return "off"


def _serve(system: System, ends: "queue.SimpleQueue[End | Dialog]") -> None:
    """Answer as the guest agent, if its service runs and its driver is there."""
    port = machine.channel(AGENT_PORT)
    if port and is_running(system, "QEMU-GA") and exists(system, "VirtioSerial"):
        threading.Thread(target=Agent(system, ends).serve, args=(port,), daemon=True).start()


def _show(system: System, dialog: Dialog) -> None:
    """Show a window and leave it there: nobody presses a button."""
    text = f"--- {dialog.title} ---\n\n{dialog}\n"
    system.panther.error(str(dialog).replace("\n", " "))
    system.show(f"\n{text}")
    wait_for_ever()


if __name__ == "__main__":
    main()
