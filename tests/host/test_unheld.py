"""Ctrl-C is heard while libvirt keeps a call."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import libvirt
import pytest

from goldsmith.errors import GuestError
from goldsmith.guests.leaving import taken_away
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.host.unheld import Unheld, unheld

LONG = 30.0  # seconds that a call would take


class SlowGuest:
    """Stands for a guest whose agent takes its time; ``left`` ends the call."""

    def __init__(self) -> None:
        self.left = threading.Event()
        self.asked: list[str] = []

    def fsFreeze(self) -> None:  # noqa: N802  libvirt's name
        self.asked.append("freeze")

    def fsThaw(self) -> None:  # noqa: N802
        self.asked.append("thaw")
        self.left.wait(LONG)

    def snapshotCreateXML(self, _xml: str, _flags: int) -> None:  # noqa: N802
        self.asked.append("snapshot")
        self.left.wait(LONG)

    def XMLDesc(self, _flags: int) -> str:  # noqa: N802
        return "<domain><devices/></domain>"


class Connection:
    def __init__(self, guest: SlowGuest) -> None:
        self.guest = guest

    def lookupByName(self, _name: str) -> SlowGuest:  # noqa: N802
        return self.guest


@pytest.fixture
def guest() -> Iterator[SlowGuest]:
    slow = SlowGuest()
    yield slow
    slow.left.set()


@contextmanager
def interrupted(once: Callable[[], bool]) -> Iterator[None]:
    """Expect Ctrl-C, given as soon as ``once`` holds, long before a call would have ended."""

    def press() -> None:
        until = time.monotonic() + LONG
        while not once() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    begun = time.monotonic()
    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        yield
    assert time.monotonic() - begun < LONG / 2


def test_ctrl_c_does_not_wait_for_an_agent(guest: SlowGuest) -> None:
    hypervisor = Hypervisor(Unheld(Connection(guest)), "test:///")
    with interrupted(lambda: "thaw" in guest.asked):
        hypervisor.thaw("guest")


def test_ctrl_c_in_a_snapshot_does_not_wait_for_the_thaw(
    guest: SlowGuest, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    hypervisor = Hypervisor(Unheld(Connection(guest)), "test:///")
    monkeypatch.setattr(hypervisor, "agent_ready", lambda _name: True)
    with interrupted(lambda: "snapshot" in guest.asked):
        hypervisor.snapshot_with_memory("guest", disk="vda", overlay=tmp_path / "o", memory=tmp_path / "m")
    assert guest.asked == ["freeze", "snapshot"], "a guest that is taken away need not be thawed"


def test_the_answer_and_the_refusal_are_those_of_the_call() -> None:
    def refuse() -> None:
        raise libvirt.libvirtError("no")

    assert unheld(lambda a, b: a + b, 1, 2) == 3
    with pytest.raises(libvirt.libvirtError, match="no"):
        unheld(refuse)
    assert Unheld(complex(1, 2)).imag == 2
    assert Unheld("a-b").split("-") == ["a", "b"]


def test_another_thread_calls_by_itself() -> None:
    names: list[str] = []
    other = threading.Thread(
        target=lambda: names.append(unheld(lambda: threading.current_thread().name)), name="other"
    )
    other.start()
    other.join()
    assert names == ["other"]


def test_a_guest_that_is_missing_is_still_told() -> None:
    connection = libvirt.open("test:///default")
    try:
        with pytest.raises(GuestError, match="nobody"):
            Hypervisor(Unheld(connection), "test:///default").thaw("nobody")
    finally:
        connection.close()


class SlowStart:
    """Stands for a guest whose start takes its time: it runs when ``left`` is set, if that is ever."""

    def __init__(self) -> None:
        self.left, self.started = threading.Event(), threading.Event()
        self.asked: list[str] = []
        self.runs = False
        self.stuck = False

    def createWithFlags(self, _flags: int) -> None:  # noqa: N802
        self.asked.append("start")
        self.left.wait(LONG)
        self.runs = True
        self.started.set()

    def destroy(self) -> None:
        self.asked.append("destroy")
        if self.stuck:
            self.left.wait(LONG)
        self.runs = False

    def undefineFlags(self, _flags: int) -> None:  # noqa: N802
        self.asked.append("undefine")


@pytest.fixture
def starting() -> Iterator[SlowStart]:
    slow = SlowStart()
    yield slow
    slow.left.set()


def start(guest: SlowStart) -> None:
    hypervisor = Hypervisor(Unheld(Connection(guest)), "test:///")  # type: ignore[arg-type]
    with taken_away(hypervisor, "guest", lambda: True):
        hypervisor.start("guest", autodestroy=False)


def test_a_guest_whose_start_was_interrupted_is_taken_away_when_it_has_started(starting: SlowStart) -> None:
    threading.Timer(1.0, starting.left.set).start()
    with interrupted(lambda: "start" in starting.asked):
        start(starting)
    assert starting.started.wait(LONG)
    assert starting.asked == ["start", "destroy", "undefine"]
    assert not starting.runs


def test_a_libvirt_that_does_not_answer_a_start_holds_up_no_interrupt(starting: SlowStart) -> None:
    starting.stuck = True
    with interrupted(lambda: "start" in starting.asked):
        start(starting)
    assert starting.asked == ["start", "destroy"]
