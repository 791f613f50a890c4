"""The one door to SQL: transactions, schema versions, and errors that say what to do.

SQLite stands behind it. The statements given to a Session are plain SQL with named parameters, so that
another database can stand here later: what is SQLite's own (PRAGMA, BEGIN IMMEDIATE) is in this module only.
"""

import fcntl
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from goldsmith.catalog import content
from goldsmith.errors import CatalogError, HostError
from goldsmith.host.closed import PASSED, make_folder

Value = str | int | float | None
Row = Mapping[str, Value]
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_NO_TEXT = "Could not decode to UTF-8"  # Python's own error, without a code


class Session:
    """One open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, **values: Value) -> Sequence[Row]:
        names: Sequence[str]
        with closing(self._connection.execute(statement, values)) as found:
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found]

    def run(self, statement: str, **values: Value) -> int:
        """Carry out a change and return how many rows it touched."""
        with closing(self._connection.execute(statement, values)) as done:
            return done.rowcount


@dataclass(frozen=True)
class Database:
    """A database file and the scripts that lead from each schema version to the next.

    Every transaction opens the file anew: that costs about a millisecond and makes the value safe to share
    between threads and forked processes. ``patience`` is how long, in seconds, to wait for other writers.
    """

    path: Path
    migrations: Sequence[Sequence[str]]
    patience: float = 30.0

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """See one state of the data; a file that is not there yet is an empty one."""
        with self._told():
            if self.path.exists():
                connection = self._open()
            else:
                connection = self._connect(":memory:")
                self._migrate(connection)
            with closing(connection):
                connection.execute("BEGIN")
                self._require_whole(connection)
                yield Session(connection)
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Change the data alone: all is kept when the block ends, nothing when it raises."""
        with self._told(), closing(self._open()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._require_whole(connection)
                yield Session(connection)
                content.seal(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def problems(self) -> Sequence[str]:
        """Return what the database finds wrong with its own file, its indexes included."""
        if not self.path.exists():
            return []
        with self._told(), closing(self._open()) as connection, self._reads_what_it_wrote():
            return content.problems(connection)

    def accept(self) -> None:
        """Take what the database holds as right, after someone has looked at it."""
        with self._told(), closing(self._open()) as connection:
            connection.execute("REINDEX")
            connection.execute("BEGIN IMMEDIATE")
            content.seal(connection)
            connection.execute("COMMIT")

    def _require_whole(self, connection: sqlite3.Connection) -> None:
        with self._reads_what_it_wrote():
            problems = content.problems(connection, most=1)
        if problems:
            raise self._damaged(problems[0])

    @property
    def _turn(self) -> Path:
        return self.path.with_suffix(".lock")

    def _open(self) -> sqlite3.Connection:
        make_folder(self.path.parent, PASSED)
        with suppress(OSError):  # which SQLite meets too, and tells
            for one in (self.path, self._turn):  # SQLite would let all read it, and what it puts beside it
                if not one.exists():
                    one.touch(mode=0o600)
        connection = self._connect(str(self.path))
        try:
            mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
            if mode != "wal" or self._version(connection) != len(self.migrations):
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, name: str) -> sqlite3.Connection:
        connection = sqlite3.connect(name, timeout=self.patience, isolation_level=None)
        try:
            with self._reads_what_it_wrote():
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # SQLite's busy timeout does not cover the switch to WAL, so first users take turns here.
        with self._turn.open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            connection.execute("PRAGMA journal_mode = WAL")
            self._migrate(connection)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        version = self._version(connection)
        if version > len(self.migrations):
            connection.execute("ROLLBACK")
            raise CatalogError(
                f"{self.path}: written by a newer Goldsmith "
                f"(schema {version}, this one knows {len(self.migrations)})",
                fix="update Goldsmith, or name another state folder with --state",
            )
        if version < len(self.migrations):
            self._require_whole(connection)
            try:
                for statement in (one for script in self.migrations[version:] for one in script):
                    connection.execute(statement)
            except sqlite3.OperationalError as error:
                if re.search("already exists|no such", str(error)):  # its version is not that of its tables
                    raise self._damaged(str(error)) from None
                raise
            content.seal(connection)
        connection.execute(f"PRAGMA user_version = {len(self.migrations)}")
        connection.execute("COMMIT")

    @staticmethod
    def _version(connection: sqlite3.Connection) -> int:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _reads_what_it_wrote(self) -> Iterator[None]:
        """Take it for damage when SQLite cannot do what it can do with each of our files."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_ERROR:
                raise
            raise self._damaged(str(error)) from None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the errors of SQLite and of the file system into ours."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # a rule of the schema was broken by our own code: a bug
        except sqlite3.DatabaseError as error:
            raise self._explained(error) from error
        except UnicodeDecodeError as error:  # what SQLite says of a damaged schema repeats it
            raise self._damaged(error.object.decode(errors="backslashreplace")) from None
        except PermissionError as error:
            raise CatalogError(f"{error.filename}: {error.strerror}", fix=self._be_owner()) from None

    def _explained(self, error: sqlite3.DatabaseError) -> Exception:
        code = _code(error)
        if code in _BUSY:
            return CatalogError(
                f"{self.path}: another process has been writing for more than {self.patience:.0f} s",
                fix="see who: fuser -v " + str(self.path),
            )
        if code in _DAMAGED or str(error).startswith(_NO_TEXT):
            return self._damaged(str(error))
        if code == sqlite3.SQLITE_FULL:
            return HostError(f"{self.path}: no space left for the index", fix="free space, then run it again")
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            return CatalogError(f"{self.path}: {error}", fix=self._be_owner())
        if code == sqlite3.SQLITE_IOERR:
            return CatalogError(f"{self.path}: {error}", fix="see `dmesg` for errors of the disk")
        return error

    def _damaged(self, problem: str) -> CatalogError:
        return CatalogError(
            f"{self.path}: the index of the catalog is damaged ({problem})",
            fix=f"move it away and bring back a copy of it, or what can be read of it: "
            f"sqlite3 {self.path.name} .recover | sqlite3 new.db, and look at that before goldsmith image check "
            "--repair takes it as it is; the image files are not touched",
        )

    def _be_owner(self) -> str:
        return f"run as the owner of {self.path.parent}, or name another state folder with --state"


def _code(error: sqlite3.DatabaseError) -> int:
    """Return SQLite's primary result code; what Python raises itself has none, and counts as SQLITE_ERROR."""
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF
