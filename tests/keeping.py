"""A guest of libvirt's test driver that a failed build has kept, with all that belongs to it.

The fixtures ``state``, ``hypervisor``, ``guest`` and ``libvirt_anew`` are there for all tests.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from goldsmith.artifact import qemuimg
from goldsmith.events import BuildFinished, BuildStarted
from goldsmith.guests.access import Way
from goldsmith.host.hypervisor import Hypervisor, connect
from goldsmith.host.process import LocalHost
from goldsmith.host.qemu_log import qemu_log
from goldsmith.plan.keeping import write_way
from goldsmith.plan.kept import Kept, write_note
from goldsmith.plan.store import KEPT_PREFIX, Store
from goldsmith.record import BuildRecord

URI = "test:///default"
STARTED = "2026-11-29 23:27:09.893+0000: starting up libvirt version: 9.0.0\n"
SHUT_DOWN = f"{STARTED}2026-11-29 23:27:54.720+0000: shutting down, reason=shutdown\n"
XML = (
    "<domain type='test'><name>{0}</name><description>{1}</description><memory>65536</memory>"
    "<os><type>hvm</type></os></domain>"
)
WAY = Way("goldsmith", "PRIVATE", "ecdsa-sha2-nistp256 AAAA goldsmith", "ecdsa-sha2-nistp256 BBBB goldsmith")


@pytest.fixture
def state(tmp_path, tool_on_path, monkeypatch):
    tool_on_path("qemu-img")
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", URI)
    Store(tmp_path / "state").prepare()
    return tmp_path / "state"


@pytest.fixture
def hypervisor():
    with connect(URI) as opened:
        before = {one.name for one in opened.domains()}
        yield opened
        for one in opened.domains():
            if one.name not in before:
                opened.destroy(one.name)
                opened.undefine(one.name)


def a_layer(state: Path, key: str, *, parent: str = "") -> Path:
    store = Store(state)
    store.prepare()
    folder = store.begin(key)
    qemuimg.create(LocalHost(), folder / "disk.qcow2", 4 << 20)
    store.commit(key, stage="one", recipe="r", parent=parent, inputs={}, seconds=1.0)
    return folder / "disk.qcow2"


def a_build(state: Path, build: str, *, ok: bool = False, asked: dict | None = None) -> BuildRecord:
    record = BuildRecord.create(state / "builds", recipe="r", build_id=build, asked=asked)
    record.tell(BuildStarted(build, "r", ()))
    record.tell(BuildFinished(build, "r", ok, 1.0, 1.0, exit_code=0 if ok else 4))
    return record


def a_kept_guest(state: Path, hypervisor: Hypervisor, build: str = "b1", **changes: object) -> Kept:
    """Keep a guest whose disk stands on the layer ``below``; libvirt's test driver runs it."""
    below = a_layer(state, "below")
    folder = Store(state).layers / f"{KEPT_PREFIX}{build}"
    folder.mkdir(mode=0o711)
    qemuimg.create_overlay(LocalHost(), below, folder / "disk.qcow2", relative=True)
    name = f"goldsmith-{build}-customize"
    hypervisor.define(XML.format(name, f"goldsmith build={build} state={state}"))
    hypervisor.start(name, autodestroy=False)
    (state / "builds" / build).mkdir(parents=True, exist_ok=True)
    write_way(state / "run" / build, WAY, name)
    guest = Kept(
        build,
        "step-2-bad",
        name,
        hypervisor.uri,
        parent="below",
        parent_made=Store(state).created("below"),
        resumable=True,
        state="running",
    )
    guest = replace(guest, **changes)
    write_note(state / "builds", guest)
    return guest


@pytest.fixture
def libvirt_anew(hypervisor, tmp_path, monkeypatch):
    """Let libvirt know of a guest that is off what it does after a start: its definition; QEMU's log has ``text``."""

    def anew(guest: Kept, text: str) -> None:
        definition = hypervisor.xml(guest.domain)
        hypervisor.destroy(guest.domain)
        hypervisor.undefine(guest.domain)
        hypervisor.define(definition)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        log = qemu_log(guest.domain, guest.uri)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)

    return anew


@pytest.fixture
def guest(state, hypervisor):
    a_build(state, "b1")
    return a_kept_guest(state, hypervisor)
