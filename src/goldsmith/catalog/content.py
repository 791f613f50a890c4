"""A check sum of all that a database holds, kept in its header: what another hand or a bad disk changed shows."""

import sqlite3
import zlib

_MASK = 0xFFFFFFFF
_HALF = 0x80000000  # the header's field is a signed number


def seal(connection: sqlite3.Connection) -> None:
    """Note what the database holds, as a part of the open transaction."""
    connection.execute(f"PRAGMA application_id = {checksum(connection)}")


def problems(connection: sqlite3.Connection, *, most: int = 100) -> list[str]:
    """Return what is wrong with the content, or nothing; a database that was never sealed is taken as it is.

    The check sum is of the tables; SQLite itself compares its indexes, by which most is found, with them.
    """
    found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({most})")]
    if found != ["ok"]:
        return found
    noted = int(connection.execute("PRAGMA application_id").fetchone()[0])
    return [] if noted in (0, checksum(connection)) else ["it has other content than what was written"]


def checksum(connection: sqlite3.Connection) -> int:
    """Return a number that any change of a row or a table changes, in whatever order the rows lie; never 0."""
    total = 0
    tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    for name, sql in tables:
        total += zlib.crc32(repr((name, sql)).encode())
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall():
        for row in connection.execute(f'SELECT * FROM "{name}" NOT INDEXED'):
            total += zlib.crc32(repr((name, row)).encode())
    number = (total & _MASK) or 1
    return number - 2 * _HALF if number >= _HALF else number
