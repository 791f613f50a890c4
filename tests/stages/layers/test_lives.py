"""Whose memory is kept, whose goes, and who may live on; the guest is a stand-in without any."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.machines import PLAIN

from goldsmith.errors import GuestError
from goldsmith.guests import FAMILIES
from goldsmith.host.hypervisor import connect
from goldsmith.plan import memory
from goldsmith.plan.memory import Keeper, Life, Memory
from goldsmith.stages.guest import Guest
from goldsmith.stages.lives import Lives, access_of

GUEST = Guest(FAMILIES["demo"], PLAIN, boot_timeout=60, step_timeout=60, reveal=str)
DOMAIN = "goldsmith-b1-customize"


class StandIn:
    """Takes layers as a session does; with ``fault`` its memory cannot be written."""

    def __init__(self, fault=""):
        self.fault, self.layers, self.disk = fault, [], ""

    def layer(self, overlay, image=None):
        if image and self.fault:
            raise GuestError(self.fault)
        if image:
            image.write_bytes(b"memory")
        self.layers.append((overlay, bool(image)))
        self.disk = str(overlay)
        return True

    def disk_is(self, overlay):
        return self.disk == str(overlay)


class Step:
    name = "step-1"

    def inputs(self):
        return {}


@pytest.fixture
def lives(bench):
    with connect("test:///default") as hypervisor, Lives.of(GUEST, hypervisor, bench.context()) as lives:
        yield lives


def lived(lives, seconds=1000.0):
    """Begin a life that began long ago."""
    life = lives.begin(DOMAIN)
    lives._since -= seconds
    return life


def entry(bench, key, *, stage, recipe="r"):
    (bench.store.begin(key) / "disk.qcow2").write_bytes(b"layer")
    return bench.store.commit(key, stage=stage, recipe=recipe, parent="", inputs={}, seconds=1.0)


def remembered(lives, bench, made, life):
    """Keep a memory with an entry, as another build did."""
    with Keeper(bench.state / "run" / f"by-{made.key[:4]}", lives.machine) as keeper:
        image = keeper.place(made.key)
        image.write_bytes(b"memory")
        keeper.keep(made.folder, Memory(image, life, frozen=False))


def test_a_new_life_has_keys_that_let_in(lives):
    access = access_of(GUEST, lives.begin(DOMAIN))
    assert access.user_key.public.startswith("ecdsa-")
    assert access.user_key.private != access.host_key.private


def test_the_memory_of_a_layer_is_there_for_the_next_build_once_the_guest_is_gone(bench):
    with connect("test:///default") as hypervisor:
        with Lives.of(GUEST, hypervisor, bench.context()) as lives:
            life = lived(lives)
            work = bench.work(Step())
            kept = lives.layer(StandIn(), work, work.folder / "next.qcow2")
            assert kept is not None
            lives.keep(kept, work.commit())
            assert memory.kept_with(work.folder, lives.machine) is None, "its digest is not known yet"
        with Lives.of(GUEST, hypervisor, bench.context()) as later:
            found = later.memory_of(work.folder)
            assert found is not None
            assert (found.life.ident, found.life.domain) == (life.ident, DOMAIN)
            assert found.life.lived >= 1000


def test_a_memory_that_cannot_be_written_costs_no_layer(lives, bench):
    lived(lives)
    session, work = StandIn("no space for it"), bench.work(Step())
    assert lives.layer(session, work, Path("/next")) is None
    assert session.layers == [(Path("/next"), False)]
    assert "the guest's memory is not kept: no space for it" in bench.log


def test_a_guest_that_has_just_begun_keeps_no_memory(lives, bench):
    lives.begin(DOMAIN)
    session = StandIn()
    assert lives.layer(session, bench.work(Step()), Path("/next")) is None
    assert session.layers == [(Path("/next"), False)]


def test_of_a_recipe_those_of_the_same_stage_and_of_other_lives_go(lives, bench):
    life, other = lived(lives), Life("other", DOMAIN, "build-other", {})
    made = {
        "same life": (entry(bench, "1" * 64, stage="step-1"), life),
        "same stage": (entry(bench, "2" * 64, stage="step-2"), life),
        "other life": (entry(bench, "3" * 64, stage="step-3"), other),
        "other recipe": (entry(bench, "4" * 64, stage="step-2", recipe="q"), other),
    }
    for one, whose in made.values():
        remembered(lives, bench, one, whose)
    newest = entry(bench, "5" * 64, stage="step-2")
    image = lives.keeper.place(newest.key)
    image.write_bytes(b"memory")
    lives.keep(Memory(image, life, frozen=False), newest)
    left = [name for name, (one, _) in made.items() if memory.life_of(one.folder)]
    assert left == ["same life", "other recipe"]


def test_nobody_goes_on_from_a_life_that_another_build_lives(lives, bench):
    life, made = Life("busy", DOMAIN, "build-busy", {}), entry(bench, "1" * 64, stage="step-1")
    remembered(lives, bench, made, life)
    with memory.alone("busy", bench.store.locks):
        assert lives.memory_of(made.folder) is None
    assert lives.memory_of(made.folder) is not None


def test_a_guest_on_the_user_network_is_always_booted(bench):
    guest = replace(GUEST, machine=replace(PLAIN, network="user"))
    with connect("test:///default") as hypervisor, Lives.of(guest, hypervisor, bench.context()) as lives:
        made = entry(bench, "1" * 64, stage="step-1")
        remembered(lives, bench, made, Life("one", DOMAIN, "build-one", {}))
        assert lives.memory_of(made.folder) is None
        lived(lives)
        assert lives.layer(StandIn(), bench.work(Step()), Path("/next")) is None


def test_a_recipe_can_keep_memory_out_of_the_store(bench):
    silent = replace(GUEST, keep_memory=False)
    with connect("test:///default") as hypervisor:
        with Lives.of(GUEST, hypervisor, bench.context()) as before:
            made = entry(bench, "a" * 64, stage="step-1")
            remembered(before, bench, made, lived(before))
        assert memory.life_of(made.folder)
        with Lives.of(silent, hypervisor, bench.context()) as lives:
            assert lives.memory_of(made.folder) is None
            assert not (made.folder / memory.PLACE).exists(), "what an earlier build kept goes as well"
            lived(lives)
            session = StandIn()
            assert lives.layer(session, bench.work(Step()), Path("/next")) is None
            assert session.layers == [(Path("/next"), False)]
