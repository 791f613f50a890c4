import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from goldsmith.errors import HostError, UsageError
from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    PhaseStarted,
    Progress,
    StageCached,
    StageFailed,
    StageFinished,
    StageOutlook,
    StageStarted,
    StageWaiting,
    ToolSaid,
    Warned,
)
from goldsmith.host.files import is_locked
from goldsmith.record import (
    BuildRecord,
    BuildState,
    StageState,
    as_json,
    events_from,
    find,
    from_json,
    read_builds,
    summary_of,
    to_line,
)

SRC = Path(__file__).parents[2] / "src"
STAGES = (
    StageOutlook("fetch", "k1", True, ""),
    StageOutlook("install", "k2", False, "not in the store", 55.0),
)
GOOD = (
    BuildStarted("b", "demo", STAGES),
    StageCached("fetch", "k1"),
    StageStarted("install", "k2", "not in the store", 55.0),
    PhaseStarted("install", "formatting"),
    Progress("install", 3, 12, "packages"),
    ToolSaid("install", "console", "Grüße \x1b[31mred\udcff"),
    Warned("slow", "buy KVM"),
    StageFinished("install", "k2", 57.5, 1024),
    BuildFinished("b", "demo", True, 60.0, 0.5, image={"id": "i1", "name": "demo-1"}, next_steps=("a", "b")),
)
ALL_KINDS = (*GOOD, StageWaiting("install", "k2", "pid 7"), StageFailed("install", 1.5, "no space"))


@pytest.fixture
def builds(tmp_path):
    return tmp_path / "state" / "builds"


def told(folder):
    return [one.event for one in events_from(folder)]


@pytest.mark.parametrize("event", ALL_KINDS, ids=lambda event: type(event).__name__)
def test_an_event_survives_its_way_through_json(event):
    line = to_line(event, at=1.5).encode("utf-8", "replace").decode()
    back = from_json(json.loads(line))
    assert as_json(back) == json.loads(json.dumps(as_json(event)).encode().replace(b"\\udcff", b"?"))
    assert type(back) is type(event)


def test_a_line_of_json_begins_with_its_time_and_kind():
    line = to_line(StageCached("fetch", "k1"), at=1767225600.25)
    assert line == (
        '{"time": "2026-01-01T00:00:00.250Z", "event": "StageCached", "stage": "fetch", "key": "k1"}'
    )


@pytest.mark.parametrize("text", ['{"event": "Later"}', '{"event": "StageCached"}', "{}", '{"event": 3}'])
def test_events_of_another_version_are_passed_over(text):
    assert from_json(json.loads(text)) is None


def test_a_record_is_a_private_folder_named_by_recipe_and_time(builds):
    with BuildRecord.create(builds, recipe="demo") as record:
        assert re.fullmatch(r"demo-\d{8}-\d{6}-[0-9a-f]{4}", record.id)
        assert record.folder.stat().st_mode & 0o777 == 0o700
        names = {path.name for path in record.folder.iterdir()}
        assert names == {"build.json", "events.jsonl", "logs", "rendered", "lock"}
        assert record.log("customize 2/motd") == record.folder / "logs" / "customize-2-motd.log"


def test_what_was_told_can_be_read_by_others(builds):
    record = BuildRecord.create(builds, recipe="demo", build_id="b", virt_type="qemu")
    for event in GOOD:
        record.tell(event)
    events = told(record.folder)
    assert [type(one) for one in events] == [type(one) for one in GOOD]
    assert events[0] == GOOD[0]
    assert events[5].line == "Grüße \x1b[31mred?"
    assert events[-1] == GOOD[-1]
    document = json.loads((record.folder / "build.json").read_text())
    assert document["state"] == "done"
    assert document["virt_type"] == "qemu"
    assert document["image"] == {"id": "i1", "name": "demo-1"}
    assert document["warnings"] == [{"text": "slow", "fix": "buy KVM"}]
    assert [(one["name"], one["state"], one["seconds"]) for one in document["stages"]] == [
        ("fetch", "cached", None),
        ("install", "done", 57.5),
    ]


def test_the_lock_is_held_until_the_build_has_finished(builds):
    record = BuildRecord.create(builds, recipe="demo")
    lock = record.folder / "lock"
    assert is_locked(lock)
    assert summary_of(record.folder).state is BuildState.RUNNING
    record.tell(BuildFinished("b", "demo", True, 1, 0))
    assert not is_locked(lock)
    assert summary_of(record.folder).state is BuildState.DONE


@pytest.mark.parametrize(
    ("code", "state"), [(4, BuildState.FAILED), (70, BuildState.FAILED), (130, BuildState.INTERRUPTED)]
)
def test_the_exit_code_tells_a_failure_from_an_interruption(builds, code, state):
    record = BuildRecord.create(builds, recipe="demo")
    record.tell(GOOD[0])
    record.tell(StageStarted("install", "k2", ""))
    record.tell(BuildFinished("b", "demo", False, 3.0, 0.1, error="it broke", exit_code=code))
    summary = summary_of(record.folder)
    assert (summary.state, summary.exit_code, summary.error) == (state, code, "it broke")
    assert summary.document["stages"][1]["state"] == StageState.STOPPED


def test_a_build_that_is_left_without_its_last_word_has_died(builds):
    with BuildRecord.create(builds, recipe="demo") as record:
        record.tell(GOOD[0])
    assert summary_of(record.folder).state is BuildState.DIED


def test_a_killed_build_has_died_and_all_it_told_is_there(builds):
    script = f"""
import time
from pathlib import Path
from goldsmith.events import ToolSaid
from goldsmith.record import BuildRecord
record = BuildRecord.create(Path({str(builds)!r}), recipe="demo", build_id="demo-killed")
record.tell(ToolSaid("install", "console", "last words"))
print("ready", flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        assert summary_of(builds / "demo-killed").state is BuildState.RUNNING
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert summary_of(builds / "demo-killed").state is BuildState.DIED
    assert told(builds / "demo-killed") == [ToolSaid("install", "console", "last words")]


def test_a_torn_last_line_is_passed_over(builds):
    with BuildRecord.create(builds, recipe="demo") as record:
        record.tell(GOOD[0])
        record.tell(GOOD[1])
    events = record.folder / "events.jsonl"
    events.write_bytes(events.read_bytes()[:-9])
    assert told(record.folder) == [GOOD[0]]
    events.write_bytes(b"\0\0\0\n" + events.read_bytes() + b'\n"a"\n{"time": 3}\n\xff\xfe\n')
    assert told(record.folder) == [GOOD[0]]


def test_a_full_disk_does_not_fail_the_build(builds):
    record = BuildRecord.create(builds, recipe="demo")
    (record.folder / "events.jsonl").unlink()
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, record._events)
    os.close(full)
    for event in GOOD:
        record.tell(event)
    assert summary_of(record.folder).document["lost_events"] == len(GOOD)


def test_bars_do_not_flood_the_record(builds):
    with BuildRecord.create(builds, recipe="demo") as record:
        for done in range(1, 1001):
            record.tell(Progress("fetch", done, 1000, "bytes"))
    kept = told(record.folder)
    assert len(kept) < 10
    assert kept[-1].done == 1000


def test_an_id_that_is_taken_is_refused(builds):
    BuildRecord.create(builds, recipe="demo", build_id="b1").close()
    with pytest.raises(UsageError, match="a build b1 is there already\n  fix: give another --id"):
        BuildRecord.create(builds, recipe="demo", build_id="b1")


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "x" * 130])
def test_an_id_must_be_a_plain_name(builds, name):
    if not name:
        assert BuildRecord.create(builds, recipe="a/../b", build_id=name).id.startswith("a-..-b-")
        return
    with pytest.raises(UsageError, match="is no build id"):
        BuildRecord.create(builds, recipe="demo", build_id=name)


def test_a_state_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match=r"cannot make .*: .*\n  fix: give --state a folder"):
        BuildRecord.create(tmp_path / "file" / "builds", recipe="demo")


def test_a_killed_create_leaves_nothing_that_readers_trip_over(builds):
    (builds / "half").mkdir(parents=True)
    (builds / "bad").mkdir()
    (builds / "bad" / "build.json").write_text("[1")
    (builds / "stray.txt").touch()
    assert [(one.id, one.state, one.error) for one in read_builds(builds)] == [
        ("bad", BuildState.DIED, f"{builds / 'bad' / 'build.json'} cannot be read")
    ]


def test_builds_are_found_by_id_recipe_and_parts_of_the_id(builds):
    for name in ("demo-20260101-000000-aaaa", "demo-20260102-000000-bbbb", "rhel7-20260103-000000-cccc"):
        BuildRecord.create(builds, recipe=name[:-21], build_id=name).close()
    assert [one.id[-4:] for one in read_builds(builds)] == ["cccc", "bbbb", "aaaa"]
    for wanted, last in {
        "demo-20260101-000000-aaaa": "aaaa",
        "demo": "bbbb",
        "demo-20260101": "aaaa",
        "cccc": "cccc",
        "": "cccc",
    }.items():
        assert find(builds, wanted).id.endswith(last)
    with pytest.raises(
        UsageError, match=r"'demo-2026' may be 2 builds: demo-.*bbbb, demo-.*aaaa\n  fix: give"
    ):
        find(builds, "demo-2026")
    with pytest.raises(UsageError, match="there is no build 'nope'\n  fix: goldsmith builds lists them"):
        find(builds, "nope")


def test_without_builds_the_state_folder_is_named(builds):
    with pytest.raises(UsageError, match=f"no build was made in {builds} yet"):
        find(builds, "demo")
