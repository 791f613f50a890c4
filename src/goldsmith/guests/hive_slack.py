"""What registry hives keep of deleted values: Windows frees their cells, and leaves what was in them.

The format is Microsoft's ``regf``: a header of 4096 bytes, then bins of cells; a cell begins with its size, negative
where it is in use. So a password that was a value for an hour stays in the file for as long as nothing takes its cell.
"""

import struct

HIVES = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT")  # in \Windows\System32\config
LOGS = (".log", ".log1", ".log2")  # beside each: changes that are not in the hive yet, or no longer
_HEADER, _BIN = 4096, 32
_SIZE = struct.Struct("<i")


class HiveNotCleanError(Exception):
    """The hive must be left as it is; the text is the reason."""


def scrubbed(hive: bytes) -> bytes:
    """Return the hive with zeros in all cells that are not in use.

    Raises HiveNotCleanError for one whose logs hold changes that are not in it yet, or that is no whole hive.
    """
    if hive[:4] != b"regf" or len(hive) < _HEADER:
        raise HiveNotCleanError("it is no registry hive")
    first, second = struct.unpack_from("<II", hive, 4)
    if first != second:
        raise HiveNotCleanError("its last changes are in its logs only")
    (size,) = struct.unpack_from("<I", hive, 40)
    if _HEADER + size > len(hive):
        raise HiveNotCleanError("it is shorter than its header says")
    data = bytearray(hive)
    data[_HEADER + size :] = bytes(len(data) - _HEADER - size)  # room that it no longer needs
    at = _HEADER
    while at < _HEADER + size:
        at = _scrub_bin(data, at, _HEADER + size)
    return bytes(data)


def _scrub_bin(data: bytearray, at: int, limit: int) -> int:
    """Scrub the cells of the bin at this place, and return where the next one begins."""
    length = int.from_bytes(data[at + 8 : at + 12], "little")
    end = at + length
    if data[at : at + 4] != b"hbin" or length % _HEADER or not at < end <= limit:
        raise HiveNotCleanError(f"there is no bin at byte {at}")
    cell = at + _BIN
    while cell < end:
        (size,) = _SIZE.unpack_from(data, cell)
        if size % 8 or not size or cell + abs(size) > end:
            raise HiveNotCleanError(f"there is no cell at byte {cell}")
        if size > 0:
            data[cell + 4 : cell + size] = bytes(size - 4)
        cell += abs(size)
    return end
