import sqlite3
import threading
from dataclasses import replace

import pytest

from goldsmith.catalog.database import Database
from goldsmith.errors import CatalogError

FIRST = (("CREATE TABLE things (name TEXT PRIMARY KEY)",),)
SECOND = (
    *FIRST,
    (
        "ALTER TABLE things ADD COLUMN size INTEGER NOT NULL DEFAULT 7",
        "CREATE INDEX by_size ON things (size)",
    ),
)


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "folder" / "index.db", FIRST, patience=0.2)


def names(database):
    with database.reading() as session:
        return [row["name"] for row in session.rows("SELECT name FROM things ORDER BY name")]


def add(database, name):
    with database.writing() as session:
        session.run("INSERT INTO things (name) VALUES (:name)", name=name)


def add_twice(database, name):
    with database.writing() as session:
        for _ in range(2):
            session.run("INSERT INTO things (name) VALUES (:name)", name=name)


def test_what_was_written_is_there_after_a_restart_and_survives_power_loss(database):
    add(database, "a")
    with database.reading() as session:
        assert session.rows("PRAGMA journal_mode")[0]["journal_mode"] == "wal"
        assert session.rows("PRAGMA synchronous")[0]["synchronous"] == 2
    assert names(database) == ["a"]


def test_reading_makes_no_file(database):
    assert names(database) == []
    assert not database.path.parent.exists()


def test_a_block_that_raises_changes_nothing(database):
    with pytest.raises(sqlite3.IntegrityError):
        add_twice(database, "a")
    assert names(database) == []


def test_a_reader_sees_one_state_and_does_not_stop_a_writer(database):
    add(database, "a")
    with database.reading() as session:
        count = "SELECT count(*) AS n FROM things"
        assert session.rows(count)[0]["n"] == 1
        add(database, "b")
        assert session.rows(count)[0]["n"] == 1
    assert names(database) == ["a", "b"]


def test_an_older_database_is_brought_up_to_date_with_its_rows(database):
    add(database, "a")
    newer = replace(database, migrations=SECOND)
    with newer.reading() as session:
        assert session.rows("SELECT * FROM things") == [{"name": "a", "size": 7}]
        assert session.rows("PRAGMA user_version")[0]["user_version"] == 2


def test_a_newer_database_is_left_alone(database):
    add(replace(database, migrations=SECOND), "a")
    for work in (names, lambda one: add(one, "b")):
        with pytest.raises(
            CatalogError, match=r"newer Goldsmith .schema 2, this one knows 1.\n  fix: update"
        ):
            work(database)
    assert names(replace(database, migrations=SECOND)) == ["a"]


def test_a_migration_that_fails_leaves_the_old_schema(database):
    add(database, "a")
    broken = replace(database, migrations=(*FIRST, ("CREATE TABLE more (x TEXT)", "no SQL")))
    with pytest.raises(sqlite3.OperationalError, match="syntax error"):
        names(broken)
    with database.reading() as session:
        assert session.rows("PRAGMA user_version")[0]["user_version"] == 1
        assert [
            row["name"] for row in session.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        ] == ["things"]


def test_many_first_users_at_once_make_one_schema(database):
    patient = replace(database, migrations=SECOND, patience=20.0)
    threads = [threading.Thread(target=add, args=(patient, str(n))) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(patient)) == 12


def test_waiting_for_another_writer_has_an_end(database):
    add(database, "a")
    with (
        database.writing(),
        pytest.raises(CatalogError, match=r"index.db: another process(.|\n)*fix: see who"),
    ):
        add(database, "b")
    assert names(database) == ["a"]


@pytest.mark.parametrize("damage", [b"this is no database", None])
def test_a_damaged_file_is_named_with_a_way_out(database, damage):
    add(database, "a")
    content = database.path.read_bytes()
    database.path.write_bytes(damage or content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(CatalogError, match=r"index of the catalog is damaged(.|\n)*fix: move it away"):
        names(database)


def test_a_text_that_is_none_any_more_is_damage(database):
    add(database, "damage-me")
    database.path.write_bytes(database.path.read_bytes().replace(b"damage-me", b"damage\xffme"))
    for ask in (names, Database.problems, Database.accept):
        with pytest.raises(CatalogError, match="index of the catalog is damaged"):
            ask(database)


@pytest.mark.parametrize("bit", [0x01, 0x20, 0x80])
def test_any_byte_that_changes_is_told_or_means_nothing(database, bit):
    add(database, "a")
    whole = database.path.read_bytes()
    told = 0
    for at in [at for at, byte in enumerate(whole) if byte]:
        changed = bytearray(whole)
        changed[at] ^= bit
        database.path.write_bytes(changed)
        try:
            assert names(database) == ["a"], at
        except CatalogError:
            told += 1
        for log in database.path.parent.glob("index.db-*"):
            log.unlink()
    assert told > 100


def test_a_folder_in_the_place_of_the_file_is_named(database):
    database.path.mkdir(parents=True)
    with pytest.raises(
        CatalogError, match=r"index.db: unable to open database file\n  fix: run as the owner"
    ):
        names(database)
