"""What goes with an image to a catalog outside."""

import json
from datetime import timedelta

import pytest

from goldsmith.catalog.entry import RECIPE, VERSION, Image, NewImage
from goldsmith.catalog.local import LocalCatalog
from goldsmith.catalog.rules import EVIDENCE, check_new
from goldsmith.promote.attach import attach, kept
from goldsmith.promote.known import Known, claimed
from goldsmith.publish.sources import items_of

GOOD = {"ok": True, "checks": [{"id": "B-1", "status": "ok"}]}
BAD = {"ok": False, "checks": [{"id": "B-1", "status": "failed"}]}


@pytest.fixture
def catalog(tmp_path):
    return LocalCatalog(tmp_path / "catalog")


@pytest.fixture
def image(catalog, tmp_path) -> Image:
    file = tmp_path / "image.raw"
    file.write_bytes(bytes(4096))
    return catalog.register(
        file, NewImage("web", disk_format="raw", properties={RECIPE: "web", VERSION: "20260131.1"})
    )


def say(catalog, image, kind, document):
    (one,) = attach(catalog, [image.id], kind, json.dumps(document).encode(), who="ann")
    return one


def test_what_is_known_about_an_image_goes_with_it_the_newest_of_each_kind(catalog, image):
    say(catalog, image, "boot-test", BAD)
    boot = say(catalog, image, "boot-test", GOOD)
    audit = say(catalog, image, "audit", BAD)
    (item,) = items_of(catalog, [image])
    check_new(item.new)
    said = {name: json.loads(text) for name, text in item.new.properties.items() if name.startswith(EVIDENCE)}
    assert {
        name.removeprefix(EVIDENCE): (one["passed"], one["sha256"], one["by"]) for name, one in said.items()
    } == {
        "boot_test": (True, boot.sha256, "ann"),
        "audit": (False, audit.sha256, "ann"),
    }


def test_the_gates_of_another_host_find_it_at_the_image_in_the_cloud(catalog, image, tmp_path):
    boot = say(catalog, image, "boot-test", GOOD)
    (item,) = items_of(catalog, [image])
    elsewhere = LocalCatalog(tmp_path / "elsewhere")
    there = elsewhere.register(item.file, item.new, item.digests)
    (found,) = Known(elsewhere, "web").of(there)
    assert (found.kind, found.passed, found.sha256, found.elsewhere) == ("boot-test", True, boot.sha256, True)
    assert boot.recorded_at - found.recorded_at < timedelta(seconds=1)
    assert claimed(there) == (found,)
    assert kept(elsewhere, there.id) == (), "only the record came, not the document"


def test_an_image_that_nobody_looked_at_says_nothing(catalog, image):
    (item,) = items_of(catalog, [image])
    assert not [name for name in item.new.properties if name.startswith(EVIDENCE)]
