"""A build waits for others that have in their plans what it is going to take away."""

import threading
from concurrent.futures import ThreadPoolExecutor

from goldsmith.events import BuildStarted, StageOutlook
from goldsmith.record import BuildRecord
from goldsmith.record.turns import await_users


def a_build(builds, name, *keys):
    record = BuildRecord.create(builds, recipe="r", build_id=name)
    record.tell(BuildStarted(name, "r", tuple(StageOutlook(f"s-{one}", one, True, "") for one in keys)))
    record.set_virt_type("kvm")
    return record


def test_only_running_builds_that_share_a_result_are_waited_for(tmp_path):
    told = []
    with (
        a_build(tmp_path, "mine", "a"),
        a_build(tmp_path, "other", "b"),
        BuildRecord.create(tmp_path, recipe="r", build_id="planning"),
    ):
        with a_build(tmp_path, "ended", "a"):
            pass
        await_users(tmp_path / "mine", {"a"}, there=lambda: True, on_wait=told.append)
    assert told == []


def test_a_build_that_uses_a_result_is_waited_for_until_it_ends(tmp_path):
    told, waits = [], threading.Event()

    def on_wait(holder):
        told.append(holder)
        waits.set()

    with ThreadPoolExecutor(1) as pool:
        with a_build(tmp_path, "user", "a", "b"):
            waiting = pool.submit(
                await_users, tmp_path / "mine", {"b", "c"}, there=lambda: True, on_wait=on_wait
            )
            assert waits.wait(20)
            assert not waiting.done()
        waiting.result(timeout=20)
    assert told == ["build user"]


def test_nobody_is_waited_for_when_the_result_has_gone(tmp_path):
    told = []
    with a_build(tmp_path, "user", "a"):
        await_users(tmp_path / "mine", {"a"}, there=lambda: False, on_wait=told.append)
    assert told == []
