"""What runs: drives, registry, console, serial port, and how the machine is to end."""

import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from goldsmith.media.windows_setup.hive import string
from goldsmith.media.windows_setup.panther import Panther
from goldsmith.media.windows_setup.paths import Drives
from goldsmith.media.windows_setup.registry import Registry

CURRENT = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
STATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
SETUP = r"HKLM\SYSTEM\Setup"
WINLOGON = CURRENT + r"\Winlogon"


class ImageState(StrEnum):
    """Microsoft's "Windows Setup States"."""

    GENERALIZED = "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    SPECIALIZED = "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE"
    COMPLETE = "IMAGE_STATE_COMPLETE"
    UNDEPLOYABLE = "IMAGE_STATE_UNDEPLOYABLE"


class End(Exception):
    """The machine ends now, by ``how``: "off" or "reboot"."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Dialog(Exception):
    """A window that waits for somebody to press a button: nobody does, so the machine stays as it is."""

    def __init__(self, text: str, *, title: str = "Windows Setup") -> None:
        super().__init__(text)
        self.title = title


@dataclass
class System:
    """The running system; ``pending`` is the end that a program with a delay asked for.

    ``running`` has a file for each service that runs; nothing of it is on the disk.
    """

    drives: Drives
    registry: Registry
    panther: Panther
    screen: TextIO
    serial: TextIO
    fault: str = ""
    pending: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    running: Path = Path("/run/services")

    @property
    def c(self) -> Path:
        return self.drives.roots["C"]

    @property
    def drivers_folder(self) -> str:
        """Return the folder name that virtio-win has for this version, kept by the stand-in's Setup."""
        return self.registry.text(r"HKLM\SOFTWARE\Goldsmith\Standin", "Drivers")

    def show(self, text: str) -> None:
        """Print on the screen."""
        self.screen.write(f"{text}\n")
        self.screen.flush()

    def tell(self, text: str) -> None:
        """Print on COM1."""
        self.serial.write(f"{text}\r\n")
        self.serial.flush()

    def set_state(self, state: ImageState) -> None:
        self.registry.put(STATE, string("ImageState", state.value))
        place = self.drives.place(r"C:\Windows\Setup\State\State.ini")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"[State]\r\nImageState={state.value}\r\n", newline="")

    @property
    def state(self) -> str:
        return self.registry.text(STATE, "ImageState")


def wait_for_ever() -> None:
    while True:
        time.sleep(3600)
