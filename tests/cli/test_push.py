"""A build and its upload: what fails afterwards costs no disk, and push goes on from there."""

import json
import os
from pathlib import Path

import glance_server
import pytest

from goldsmith.catalog.entry import Query
from goldsmith.catalog.glance import GlanceCatalog
from goldsmith.recipe.project import CloudCatalog

PROJECT = """\
catalogs:
  cloud: {{cloud: cloud, {more}timeouts: {{answer: 2 s}}}}
"""


@pytest.fixture
def cloud(factory, tmp_path, monkeypatch):
    """Give a project with one cloud, and the port at which nobody answers for it yet."""
    port = glance_server.free_port()
    clouds = tmp_path / "clouds.yaml"
    url = f"http://127.0.0.1:{port}"
    clouds.write_text(glance_server.CLOUDS.format(name="cloud", url=url, token="me:images:member"))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    (factory.project / "goldsmith.yaml").write_text(PROJECT.format(more=""))
    return port


def test_a_failed_upload_costs_nothing_but_the_upload(factory, cloud):
    failed = factory("build", "r", "--catalog", "cloud", "--id", "b1")
    assert failed.code == 6
    assert "no answer from cloud" in failed.err
    assert "what was built is kept; when that is mended: goldsmith push b1 --catalog cloud" in failed.err
    (image,) = json.loads(factory("image", "list", "--json").out)
    assert image["status"] == "active", "it is in the embedded catalog"
    again = factory("build", "r", "--json", "--id", "b2")
    assert again.code == 0
    assert again.stages("StageStarted") == [], "all but the upload was there"
    pushed = factory("push", "b1", "--catalog", "cloud")
    assert pushed.code == 6
    assert "no answer from cloud" in pushed.err


def test_the_upload_is_a_stage_of_the_plan_where_a_catalog_outside_is_named(factory, cloud):
    plain = json.loads(factory("plan", "r", "--json").out)
    named = json.loads(factory("plan", "r", "--json", "--catalog", "cloud").out)
    assert [one["name"] for one in named["stages"]] == [
        *(one["name"] for one in plain["stages"]),
        "upload-cloud",
    ]
    (factory.project / "goldsmith.yaml").write_text("catalog: cloud\n" + PROJECT.format(more="format: raw, "))
    default = json.loads(factory("plan", "r", "--json").out)
    assert default["stages"][-1]["name"] == "upload-cloud"
    assert default["stages"][-1]["key"] != named["stages"][-1]["key"], "the cloud wants another format"
    local = json.loads(factory("plan", "r", "--json", "--catalog", "local").out)
    assert local["stages"][-1]["name"] == "register"


def test_no_register_and_a_catalog_do_not_go_together(factory, cloud):
    done = factory("build", "r", "--no-register", "--catalog", "cloud")
    assert (done.code, done.err) == (
        2,
        "--no-register and --catalog do not go together\n  fix: leave one of them out\n",
    )


def test_a_build_that_registered_nothing_says_what_to_push_instead(factory, cloud):
    assert factory("build", "r", "--no-register", "--id", "b1").code == 0
    done = factory("push", "b1", "--catalog", "cloud")
    assert done.code == 2
    assert "the build b1 has registered no image" in done.err


def test_a_build_whose_image_was_deleted_says_how_to_bring_it_back(factory, cloud):
    assert factory("build", "r", "--id", "b1").code == 0
    (image,) = json.loads(factory("image", "list", "--json").out)
    assert factory("image", "delete", image["id"]).code == 0
    done = factory("push", "b1", "--catalog", "cloud")
    assert done.code == 6
    assert f"fix: goldsmith image undelete {image['id']}, or build it again" in done.err


def test_push_needs_a_catalog_outside_and_something_to_push(factory, cloud):
    factory("build", "r")
    for words, problem in (
        (("push", "r"), "push brings images into a catalog outside, and none is named"),
        (("push", "r", "--catalog", "local"), "push brings images into a catalog outside"),
        (("push", "nothing", "--catalog", "cloud"), "nothing is no file, no image of the embedded catalog"),
        (("push", "r", "--catalog", "nobody"), "there is no catalog 'nobody'"),
        (
            ("push", "r", "--catalog", "cloud", "--disk-format", "raw"),
            "and r is none\n  fix: leave it out, or",
        ),
        (("push", ".", "--catalog", "cloud"), ". is no file, no image of the embedded catalog"),
        (("push", "/dev/null", "--catalog", "cloud"), "/dev/null is not a plain file"),
    ):
        done = factory(*words)
        assert (done.code, problem in done.err) == (2, True), done.err


@pytest.mark.real
def test_a_build_goes_into_a_real_glance_and_push_continues_one_that_failed(factory, cloud, tmp_path):
    assert factory("build", "r", "--catalog", "cloud", "--id", "b1").code == 6
    with glance_server.running(tmp_path / "glance", port=cloud):
        done = factory("push", "b1", "--catalog", "cloud", "--json")
        assert done.code == 0, done.err
        (said,) = json.loads(done.out)
        assert (said["sent"], said["converted"]) == (True, False)
        image = said["image"]
        (local,) = json.loads(factory("image", "list", "--json").out)
        for name in (
            "name",
            "goldsmith_sha256",
            "goldsmith_recipe_digest",
            "replace_frequency",
            "min_disk",
            "min_ram",
        ):
            assert image[name] == local[name]
        assert not [one for one in image if one.startswith("goldsmith_channel")], "channels are ours"
        built = factory("build", "r", "--catalog", "cloud", "--json", "--id", "b2")
        assert built.code == 0, built.err
        assert built.stages("StageStarted") == ["upload-cloud"]
        catalog = GlanceCatalog("cloud", CloudCatalog(cloud="cloud"), tmp_path / "notes")
        assert [one.id for one in catalog.list(Query())] == [image["id"]], "it was found by its build"
        for build in ("b1", "b2"):
            record = Path(os.environ["GOLDSMITH_STATE"], "builds", build, "pushed.json")
            (noted,) = json.loads(record.read_text())["pushed"]
            assert (noted["catalog"], noted["id"], noted["status"]) == ("cloud", image["id"], "active")
            assert f"cloud  {image['id']}" in factory("show", build).out
        cached = factory("build", "r", "--catalog", "cloud", "--json")
        assert cached.stages("StageStarted") == []
        catalog.delete(image["id"])
        sent = factory("build", "r", "--catalog", "cloud", "--json")
        assert sent.stages("StageStarted") == ["upload-cloud"]
        assert "the image was deleted from cloud and is sent again" in sent.out
        (factory.project / "goldsmith.yaml").write_text(PROJECT.format(more="format: raw, "))
        raw = factory("build", "r", "--catalog", "cloud", "--json")
        assert raw.code == 0, raw.err
        assert sorted(one.disk_format for one in catalog.list(Query())) == ["qcow2", "raw"]
