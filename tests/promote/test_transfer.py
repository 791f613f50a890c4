"""From one catalog to another: the same bytes, with what is known about them, and the gates of the target."""

import json
import os

import glance_server
import jsonschema
import pytest

from goldsmith.catalog.entry import Changes, Query
from goldsmith.catalog.glance import GlanceCatalog
from goldsmith.catalog.local import LocalCatalog
from goldsmith.recipe.outputs import output_schemas
from goldsmith.recipe.project import CloudCatalog

from .shop import BAD, GOOD_EVIDENCE, Shop

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with glance_server.running(tmp_path_factory.mktemp("glance")) as running:
        yield running


@pytest.fixture
def regions(server, tmp_path, monkeypatch):
    """Give two clouds, ``one`` and ``two``, which are two projects of a Glance."""
    name = os.urandom(4).hex()
    clouds = server.clouds("one", token=f"ann:{name}-1:member")
    clouds += server.clouds("two", token=f"ann:{name}-2:member").removeprefix("clouds:\n")
    (tmp_path / "clouds.yaml").write_text(clouds)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.setenv("GOLDSMITH_STATE", str(tmp_path / "state"))
    return {
        one: GlanceCatalog(one, CloudCatalog(cloud=one), tmp_path / "state/clouds" / one)
        for one in ("one", "two")
    }


@pytest.fixture
def shop(tmp_path, regions):
    """Give a shop whose version 1 is a candidate here."""
    shop = Shop(tmp_path)
    (image,) = shop.make("20260101.1")
    shop.catalog.update(image, Changes(set_properties={"os_distro": "rhel", "goldsmith_build": "b1"}))
    shop.promote("", "candidate")
    return shop


def only(catalog, channel):
    (found,) = catalog.list(Query(properties={f"goldsmith_channel_{channel}": "r"}))
    return found


def test_a_version_is_brought_to_two_regions_with_the_same_bytes_and_promoted_there(shop, regions, call):
    code, out, err = call(
        *(
            "promote",
            "r@20260101.1",
            "--to",
            "released",
            "--to-catalog",
            "one",
            "--to-catalog",
            "two",
            "--json",
        )
    )
    assert code == 0, err
    jsonschema.validate(json.loads(out), output_schemas()["promote --to-catalog"])
    here = shop.image("20260101.1")
    for name, catalog in regions.items():
        there = only(catalog, "released")
        assert (there.sha256, there.os_hash_value, there.size) == (here.sha256, here.os_hash_value, here.size)
        assert catalog.verify(there.id).good
        assert there.properties["os_distro"] == "rhel"
        assert there.properties["goldsmith_promoted_from"] == "local"
        assert there.protected
        (event,) = [
            one
            for one in json.loads(call("history", "r", "--catalog", name, "--json")[1])
            if one["kind"] == "promoted"
        ]
        assert event["origin"] == "local"
        assert "where it comes from" in next(
            one["detail"] for one in event["gates"] if one["gate"] == "order"
        )
    assert "released" not in shop.holds, "what happens there does not move the channel here"


def test_doing_it_again_sends_nothing_and_changes_nothing(shop, regions, call):
    wanted = ("promote", "r@20260101.1", "--to", "released", "--to-catalog", "one")
    assert call(*wanted)[0] == 0
    before = only(regions["one"], "released")
    code, out, _ = call(*wanted)
    assert (code, out) == (0, "one: released of r is at 20260101.1 already\n")
    assert only(regions["one"], "released") == before
    assert len(regions["one"].list(Query(properties={"goldsmith_recipe": "r"}))) == 1


def test_gates_of_the_target_refuse_before_anything_is_sent(shop, regions, call):
    shop.make("20260101.2", evidence={**GOOD_EVIDENCE, "boot-test": BAD})
    code, out, err = call("promote", "r@20260101.2", "--to", "candidate", "--to-catalog", "one")
    assert code == 5
    assert "boot test refused" in " ".join(out.split())
    assert "r@20260101.2 is not let into candidate" in err
    assert regions["one"].list(Query(hidden=True)) == ()


def test_what_was_never_a_candidate_here_is_not_released_there(shop, regions, call):
    shop.make("20260101.2")
    code, _, err = call("promote", "r@20260101.2", "--to", "released", "--to-catalog", "one")
    assert code == 5
    assert "order: refused: it was never in candidate" in err


def test_from_cloud_to_cloud_without_a_copy_here_the_evidence_goes_along(
    shop, regions, call, tmp_path, monkeypatch
):
    assert call("promote", "r@20260101.1", "--to", "candidate", "--to-catalog", "one")[0] == 0
    monkeypatch.setenv("GOLDSMITH_STATE", str(tmp_path / "another host"))
    code, out, err = call("promote", "r", "--to", "candidate", "--catalog", "one", "--to-catalog", "two")
    assert code == 0, err
    assert "as the image's properties say, the document is elsewhere" in out
    assert only(regions["two"], "candidate").sha256 == only(regions["one"], "candidate").sha256
    assert only(regions["two"], "candidate").properties["goldsmith_promoted_from"] == "one"
    assert list((tmp_path / "another host" / "transfer").iterdir()) == [], "no copy is left behind"


def test_a_cloud_gives_an_image_back_to_the_embedded_catalog(shop, regions, call, tmp_path, monkeypatch):
    assert call("promote", "r@20260101.1", "--to", "candidate", "--to-catalog", "one")[0] == 0
    monkeypatch.setenv("GOLDSMITH_STATE", str(tmp_path / "other"))
    assert call("promote", "r", "--to", "candidate", "--catalog", "one", "--to-catalog", "local")[0] == 0
    found = only(LocalCatalog(tmp_path / "other" / "catalog"), "candidate")
    assert found.sha256 == shop.image("20260101.1").sha256


def test_an_image_whose_bytes_were_changed_here_is_not_brought_anywhere(shop, regions, call):
    image = shop.image("20260101.1")
    file = shop.catalog.blobs.path(image.sha256)
    file.chmod(0o644)
    file.write_bytes(os.urandom(image.size))
    code, _, err = call("promote", "r@20260101.1", "--to", "candidate", "--to-catalog", "one")
    assert code == 5
    assert f"image {image.id} of local is not what was registered: checksum (md5) is" in err
    assert regions["one"].list(Query(hidden=True, properties={"goldsmith_recipe": "r"})) == ()


def test_a_number_that_another_build_has_there_is_refused(shop, regions, call, tmp_path):
    other = Shop(tmp_path / "second")
    (tmp_path / "second").mkdir()
    other.make("20260101.1")
    other.promote("", "candidate")
    assert call("promote", "r@20260101.1", "--to", "candidate", "--to-catalog", "one")[0] == 0
    state = str(tmp_path / "second" / "state")
    code, _, err = call("--state", state, "promote", "r", "--to", "candidate", "--to-catalog", "one")
    assert code == 5
    assert "one has r@20260101.1 from another build" in err


def test_a_signature_goes_along_with_the_certificate_of_the_target(shop, regions, call):
    """All four properties go, and the server verifies them: this one has no key manager, so it refuses."""
    image = shop.image("20260101.1")
    signed = {
        "img_signature": "c2lnbmF0dXJl",
        "img_signature_hash_method": "SHA-256",
        "img_signature_key_type": "RSA-PSS",
        "img_signature_certificate_uuid": "00000000-0000-4000-8000-000000000001",
    }
    shop.catalog.update(image.id, Changes(set_properties=signed))
    uuid = "00000000-0000-4000-8000-000000000002"
    code, _, err = call(
        *("promote", "r@20260101.1", "--to", "candidate", "--to-catalog", "one", "--certificate", uuid)
    )
    assert code == 6, "the server wants to verify it, and cannot here"
    assert "certificate" in err.lower() or "signature" in err.lower()
    assert regions["one"].list(Query(hidden=True, properties={"goldsmith_recipe": "r"})) == (), (
        "nothing half is left"
    )


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--to-catalog", "local"], "local has it already"),
        (["--to-catalog", "three"], "there is no catalog 'three'"),
        (["--certificate", "x"], "--certificate is for --to-catalog"),
    ],
)
def test_a_target_that_will_not_do_is_told(shop, call, argv, told):
    code, _, err = call("promote", "r@20260101.1", "--to", "candidate", *argv)
    assert code == 2
    assert told in err
