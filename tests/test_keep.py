"""A guest that failed and is kept: who leaves it alone, what takes it away, and how a build goes on from it."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from goldsmith.artifact import qemuimg
from goldsmith.compose import Where
from goldsmith.errors import GuestError, HostError
from goldsmith.events import Warned
from goldsmith.host import files
from goldsmith.host.accel import Acceleration
from goldsmith.host.domains import DomainState
from goldsmith.host.process import LocalHost
from goldsmith.plan.entered import by_hand
from goldsmith.plan.keeping import kept_disk, way_of, write_way
from goldsmith.plan.kept import Keeper, Kept, note_of, standing, write_note
from goldsmith.plan.stage import Context
from goldsmith.plan.store import Store
from goldsmith.stages.mended import Mended
from goldsmith.sweep import sweep, tell_in_doubt

from .keeping import SHUT_DOWN, STARTED, URI, WAY, XML


def swept(state):
    return sweep(Where(None, state, URI), Store(state))


def told_in_doubt(state):
    told = Told()
    tell_in_doubt(Where(None, state, URI), told)
    return told.events


def everything(state, guest):
    """Say of what belongs to a kept guest whether it is there: its disk, its keys."""
    return kept_disk(state, guest).exists(), (state / "run" / guest.build / "access").exists()


def test_other_builds_leave_a_kept_guest_its_disk_and_its_keys_alone(state, hypervisor, guest):
    assert swept(state) == []
    assert hypervisor.state(guest.domain) is DomainState.RUNNING
    assert everything(state, guest) == (True, True)


def test_a_guest_that_is_kept_while_others_sweep_is_left_alone(state, hypervisor, guest):
    """Its build writes the note and ends in the middle of a sweep, which waits for what stands in another note."""
    (state / "builds" / "b1" / "kept.json").unlink()
    (state / "builds" / "a1").mkdir()
    pipe = state / "builds" / "a1" / "kept.json"
    os.mkfifo(pipe)
    with ExitStack() as build, ThreadPoolExecutor() as pool:
        build.enter_context(files.locked(state / "builds" / "b1" / "lock"))
        sweeping = pool.submit(swept, state)
        with pipe.open("w"):  # opens when the sweep reads
            pipe.unlink()
            write_note(state / "builds", guest)
            build.close()
        assert sweeping.result() == []
    assert hypervisor.state(guest.domain) is DomainState.RUNNING
    assert everything(state, guest) == (True, True)


def test_what_a_killed_build_left_is_swept_although_it_was_to_keep_its_guest(state, hypervisor, guest):
    (state / "builds" / "b1" / "kept.json").unlink()  # the note is written last
    assert swept(state) == [
        "half-made layer kept-b1",
        "seed of b1",
        "machine goldsmith-b1-customize",
    ]
    assert hypervisor.state(guest.domain) is DomainState.GONE
    assert everything(state, guest) == (False, False)


def test_the_disk_of_a_build_that_runs_stays_before_its_note_is_written(state, hypervisor, guest):
    note = state / "builds" / "b1" / "kept.json"
    text = note.read_text()
    note.unlink()
    with files.locked(state / "builds" / "b1" / "lock"):
        assert swept(state) == []
        note.write_text(text)
    assert swept(state) == []
    assert everything(state, guest) == (True, True)


def test_after_a_reboot_of_the_host_nothing_of_it_is_in_the_way(state, hypervisor, guest):
    hypervisor.destroy(guest.domain)
    assert swept(state) == ["guest that b1 kept, which does not run any more"]
    assert everything(state, guest) == (False, False)
    assert note_of(state / "builds", "b1").ended == "it did not run any more"
    assert swept(state) == []


def test_a_guest_that_was_shut_down_from_inside_is_still_there_to_go_on_from(state, hypervisor, guest):
    hypervisor.shutdown(guest.domain)
    assert swept(state) == []
    assert everything(state, guest) == (True, True)


def test_a_guest_that_was_shut_down_from_inside_stays_and_is_gone_on_from_when_libvirt_has_started_anew(
    state, hypervisor, guest, libvirt_anew
):
    libvirt_anew(guest, SHUT_DOWN)
    assert swept(state) == []
    assert everything(state, guest) == (True, True)
    assert told_in_doubt(state) == []
    store = take(state, guest)
    assert b"../below/disk.qcow2" in store.get("mended").disk.read_bytes()
    assert note_of(state / "builds", "b1").ended == "gone on with by b9"


def test_a_guest_that_fell_with_its_host_goes(state, hypervisor, guest, libvirt_anew):
    libvirt_anew(guest, STARTED)
    assert swept(state) == ["guest that b1 kept, which does not run any more"]
    assert everything(state, guest) == (False, False)


def test_a_guest_that_fell_with_its_host_is_not_gone_on_from(state, hypervisor, guest, libvirt_anew):
    libvirt_anew(guest, STARTED)
    with pytest.raises(HostError, match="the guest that b1 kept is gone: it does not run any more"):
        take(state, guest)


def test_a_guest_that_nobody_can_tell_the_end_of_stays_until_a_person_drops_it_and_is_not_gone_on_from(
    state, hypervisor, guest, libvirt_anew
):
    libvirt_anew(guest, "")
    assert swept(state) == []
    assert everything(state, guest) == (True, True)
    assert told_in_doubt(state) == [
        Warned(
            "the guest that b1 kept is off, and stays: nobody can tell how it ended",
            fix="goldsmith shell b1 --drop takes it away",
        )
    ]
    with pytest.raises(HostError, match=r"does not tell whether it was shut down.*\n  fix: .* b1 --drop"):
        take(state, guest)


def test_a_guest_that_nobody_can_tell_the_end_of_goes_where_its_disk_has_gone(
    state, hypervisor, guest, libvirt_anew
):
    libvirt_anew(guest, "")
    kept_disk(state, guest).unlink()
    assert swept(state) == ["guest that b1 kept, which does not run any more"]


def test_a_build_that_is_not_asked_keeps_nothing_and_a_guest_that_is_off_is_not_kept(
    state, hypervisor, guest
):
    folder = state / "store" / "layers" / "x"
    assert not Keeper().keep(guest, hypervisor, folder)
    assert Keeper(asked=True).keep(guest, hypervisor, folder)
    hypervisor.destroy(guest.domain)
    assert not Keeper(asked=True).keep(guest, hypervisor, folder)


def test_a_transient_guest_stays_known_after_it_was_shut_down_from_inside(state, hypervisor):
    hypervisor.create(XML.format("goldsmith-b2-x", "d"), autodestroy=False)
    assert Keeper(asked=True).keep(Kept("b2", "s", "goldsmith-b2-x", URI), hypervisor, state)
    hypervisor.shutdown("goldsmith-b2-x")
    assert hypervisor.left_by_itself("goldsmith-b2-x")


def test_its_disk_moves_out_of_the_way_of_builds_that_make_the_same_layer(state, hypervisor, guest):
    store = Store(state)
    folder = store.begin("wanted")
    (folder / "disk.qcow2").write_text("half done")
    keeper = Keeper(asked=True)
    other = replace(guest, build="b2")
    (state / "builds" / "b2").mkdir()
    assert keeper.keep(other, hypervisor, folder)
    assert keeper.holds(folder)
    keeper.settle(store, state / "builds")
    assert kept_disk(state, other).read_text() == "half done"
    assert not list(store.begin("wanted").iterdir())
    assert (state / "builds" / "b2" / "kept.json").stat().st_mode & 0o777 == 0o600
    assert [one.build for one in standing(state)] == ["b1", "b2"]


def test_the_way_in_is_for_its_owner_alone_and_in_the_form_of_ssh(state):
    write_way(state / "run" / "b1", WAY, "goldsmith-b1-customize")
    folder = state / "run" / "b1" / "access"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {one.name: one.stat().st_mode & 0o777 for one in folder.iterdir()} == dict.fromkeys(
        ("id", "known_hosts", "way.json"), 0o600
    )
    assert (folder / "id").read_text() == "PRIVATE"
    assert (folder / "known_hosts").read_text() == "goldsmith-b1-customize ecdsa-sha2-nistp256 BBBB\n"
    assert way_of(state / "run" / "b1") == WAY
    assert way_of(state / "run" / "b2") is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"build": "b1"}'])
def test_a_note_that_cannot_be_read_keeps_nothing(state, text):
    (state / "builds" / "b1").mkdir(parents=True)
    (state / "builds" / "b1" / "kept.json").write_text(text)
    assert note_of(state / "builds", "b1") is None
    assert list(standing(state)) == []


class Told:
    def __init__(self):
        self.events = []

    def tell(self, event):
        self.events.append(event)


def take(state, guest, *, key="mended", boot_timeout=5.0):
    """Run the stage that takes a kept guest's disk, as the runner does."""
    from contextlib import nullcontext

    from goldsmith.plan.stage import Work

    store = Store(state)
    stage = Mended(guest, boot_timeout)
    (state / "builds" / "b9").mkdir(parents=True, exist_ok=True)
    context = Context(
        build="b9", state=state, folder=state / "builds" / "b9", uri=URI, reporter=Told(),
        acceleration=Acceleration("kvm", "test"), guestfs_env={}, results={},
        host_for=lambda _stage: LocalHost(), log_for=lambda _stage: print, announce=lambda _work: nullcontext(),
    )  # fmt: skip
    folder = store.begin(key)

    def commit():
        return store.commit(
            key, stage=stage.name, recipe="r", parent="below", inputs=stage.inputs(), seconds=1.0
        )

    before = store.layers / "below" / "disk.qcow2"
    stage.run(Work(stage, key, folder, before, commit), context)
    return store


def test_going_on_shuts_the_guest_down_and_makes_its_disk_a_layer(state, hypervisor, guest):
    store = take(state, guest)
    assert hypervisor.state(guest.domain) is DomainState.GONE
    assert everything(state, guest) == (False, False)
    assert note_of(state / "builds", "b1").ended == "gone on with by b9"
    disk = store.get("mended").disk
    assert b"../below/disk.qcow2" in disk.read_bytes()
    assert (
        qemuimg.info(LocalHost(), disk, "qcow2").virtual_size == 4 << 20
    )  # it is read through to the layer below
    assert store.facts("mended")["inputs"] == {"kept by": "b1", "in": "step-2-bad", "since": guest.since}


def test_a_paused_guest_goes_on_before_it_is_shut_down(state, hypervisor, guest):
    hypervisor._connection.lookupByName(guest.domain).suspend()
    take(state, guest)
    assert note_of(state / "builds", "b1").ended == "gone on with by b9"


def test_a_guest_without_power_is_not_gone_on_from(state, hypervisor, guest):
    hypervisor.destroy(guest.domain)
    with pytest.raises(HostError, match="the guest that b1 kept is gone: it does not run any more"):
        take(state, guest)


def test_a_guest_on_a_layer_that_was_made_anew_is_not_gone_on_from(state, hypervisor, guest):
    other = replace(guest, parent_made=guest.parent_made - 1)
    write_note(state / "builds", other)
    with pytest.raises(HostError, match=r"below the guest that b1 kept was made anew.*\n  fix: .*--drop"):
        take(state, other)
    assert hypervisor.state(guest.domain) is DomainState.RUNNING


def test_a_damaged_disk_is_not_gone_on_from(state, hypervisor, guest):
    disk = kept_disk(state, guest)
    data = bytearray(disk.read_bytes())
    data[65536:65544] = b"\xff" * 8  # the table of reference counts points nowhere
    disk.write_bytes(bytes(data))
    with pytest.raises(GuestError, match="the disk of the kept guest is damaged"):
        take(state, guest)
    assert kept_disk(state, guest).exists()


def test_an_image_says_that_a_person_may_have_changed_it(state):
    folder = state / "builds" / "b1"
    folder.mkdir(parents=True)
    context = Context(
        build="b1", state=state, folder=folder, uri=URI, reporter=Told(), acceleration=Acceleration("kvm", ""),
        guestfs_env={}, results={"fetch": None, "mended b0": None}, host_for=None, log_for=None, announce=None,
    )  # fmt: skip
    assert by_hand(context) == ("went on from the guest that b0 kept",)
    (folder / "entered").touch()
    assert by_hand(context)[1:] == ("a shell was opened in its guest",)
    assert by_hand(replace(context, results={}, folder=state)) == ()


def test_a_layer_below_a_kept_guest_is_not_pruned(state, hypervisor, guest, capfd):
    from goldsmith.cli.main import run

    assert run(["--state", str(state), "store", "prune", "--older-than", "0", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["keys"] == []
    assert run(["--state", str(state), "shell", "b1", "--drop", "--quiet"]) == 0
    capfd.readouterr()
    run(["--state", str(state), "store", "prune", "--older-than", "0", "--json"])
    assert json.loads(capfd.readouterr().out)["keys"] == ["below"]


def test_the_lock_of_a_running_build_has_nothing_to_do_with_it(state, hypervisor, guest):
    with files.locked(state / "builds" / "b1" / "lock"):
        assert swept(state) == []
