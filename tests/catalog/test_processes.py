"""Many processes at one catalog, and processes that die in the middle."""

import random
import signal
import time
from datetime import timedelta

import pytest

from goldsmith.catalog.entry import NewImage, Query, Status

NOW = timedelta(0)

WORK = """
import sys
from datetime import timedelta
from pathlib import Path
from goldsmith.catalog.entry import BUILD_KEY, Changes, NewImage
from goldsmith.catalog.local import LocalCatalog
catalog, shared, own = LocalCatalog(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
for turn in range(6):
    own.write_bytes(f"{own.name} {turn}".encode() * 1000)
    mine = catalog.register(own, NewImage(own.name, disk_format="raw"))
    same = catalog.register(shared, NewImage("same bytes", disk_format="raw"))
    built = catalog.register(shared, NewImage("built", disk_format="raw", properties={BUILD_KEY: str(turn)}))
    print(turn, built.id)
    catalog.update(mine.id, Changes(set_properties={"turn": str(turn)}))
    assert catalog.verify(mine.id).good and catalog.verify(same.id).good and catalog.verify(built.id).good
    catalog.delete(mine.id)
    catalog.delete(same.id)
    catalog.purge(older_than=timedelta(0), apply=True)
last = catalog.register(own, NewImage("last", disk_format="raw"))
"""

STOP_IN_THE_MIDDLE = """
import sys, time
from pathlib import Path
from goldsmith.catalog.entry import NewImage
from goldsmith.catalog.local import LocalCatalog
def stop(size):
    print("in the middle", flush=True)
    time.sleep(60)
LocalCatalog(Path(sys.argv[1])).register(Path(sys.argv[2]), NewImage("half", disk_format="raw"), on_bytes=stop)
"""

FOR_EVER = """
import sys
from datetime import timedelta
from pathlib import Path
from goldsmith.catalog.entry import NewImage
from goldsmith.catalog.local import LocalCatalog
from goldsmith.host.files import digest
catalog, file = LocalCatalog(Path(sys.argv[1])), Path(sys.argv[2])
while True:
    catalog.delete(catalog.register(file, NewImage("a", disk_format="raw")).id)
    print("turn", flush=True)
    catalog.register(file, NewImage("b", disk_format="raw"), digest(file))
    catalog.purge(older_than=timedelta(0), apply=True)
"""


def incoming(catalog):
    return sorted((catalog.folder / "incoming").iterdir())


def blobs(catalog):
    return [path.name for path in catalog.blobs.all()]


def test_eight_processes_at_once_agree(local, make_file, start, tmp_path):
    shared = make_file()
    running = [start(WORK, local.folder, shared, tmp_path / f"own{n}") for n in range(8)]
    said = []
    for process in running:
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
        said.append(out)
    assert len(set(said)) == 1, "each build key has one image, whoever registered it"
    assert local.check() == ()
    images = local.list(Query(hidden=True, deleted=True))
    assert sorted(image.name for image in images) == ["built"] * 6 + ["last"] * 8
    assert all(local.verify(image.id).good for image in images)
    assert incoming(local) == []
    assert len(blobs(local)) == 9


def test_a_process_killed_in_the_middle_of_a_register_leaves_nothing(local, make_file, start):
    process = start(STOP_IN_THE_MIDDLE, local.folder, make_file())
    assert process.stdout
    assert process.stdout.readline() == "in the middle\n"
    assert [image.status for image in local.list()] == [Status.SAVING]
    assert len(incoming(local)) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert local.list() == ()
    assert incoming(local) == []
    assert blobs(local) == []
    assert local.check() == ()


def test_a_register_that_still_runs_is_left_alone(local, make_file, start):
    process = start(STOP_IN_THE_MIDDLE, local.folder, make_file())
    assert process.stdout
    assert process.stdout.readline() == "in the middle\n"
    other = local.register(make_file("other"), NewImage("other", disk_format="raw"))
    local.purge(older_than=NOW, apply=True)
    assert local.check(repair=True) == ()
    assert [image.status for image in local.list()] == [Status.ACTIVE, Status.SAVING]
    assert local.list()[0] == other


@pytest.mark.parametrize("seed", range(8))
def test_a_process_killed_at_any_moment_leaves_only_whole_images(local, make_file, start, seed):
    process = start(FOR_EVER, local.folder, make_file())
    assert process.stdout
    assert process.stdout.readline() == "turn\n"
    time.sleep(random.Random(seed).uniform(0, 0.1))
    process.send_signal(signal.SIGKILL)
    process.wait()
    images = local.list(Query(hidden=True, deleted=True))
    assert {image.status for image in images} <= {Status.ACTIVE, Status.DELETED}
    assert all(local.verify(image.id).good for image in images if image.status is Status.ACTIVE)
    assert incoming(local) == []
    local.purge(older_than=NOW, apply=True)
    assert local.check() == ()
    local.register(make_file("next"), NewImage("next", disk_format="raw"))
    assert local.check() == ()
