"""Where the output of commands can go besides files: COM1 and NUL."""

import io
import re
from typing import TextIO


class SerialPort(io.StringIO):
    """COM1, which stays open when a redirection ends."""

    def __init__(self, serial: TextIO) -> None:
        super().__init__()
        self.serial = serial

    def write(self, text: str) -> int:
        return self.serial.write(text)


def device_of(target: str) -> str:
    name = re.split(r"[\\/]", target)[-1].rstrip(":").upper()
    return name if name in ("NUL", "COM1", "CON") else ""
