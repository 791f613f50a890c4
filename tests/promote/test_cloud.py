"""Channels in a real Glance: what holds for the embedded catalog, and what only a cloud can get wrong."""

import itertools
import json
import random
import shlex
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import glance_server
import pytest
from openstack_client import OpenstackClient

from goldsmith.catalog.entry import Query, Status
from goldsmith.catalog.rules import CHANNEL
from goldsmith.errors import CatalogError, GoldsmithError
from goldsmith.promote import decide, retention
from goldsmith.promote.cloud_log import DONE, EVENT, Overtaken
from goldsmith.promote.event import Kind, state_of
from goldsmith.recipe.promotion import CHANNELS, DEV, ChannelPart, Gates, Retention

from .cloud_shop import CloudShop
from .movers import Nursery, start
from .shop import BAD, GOOD
from .test_channels import (  # what holds for both, run here against a cloud
    released,  # noqa: F401
    test_a_build_enters_the_first_channel_by_itself,  # noqa: F401
    test_a_channel_can_publish_what_enters_and_hide_what_leaves,  # noqa: F401
    test_a_channel_has_one_version_at_a_time,  # noqa: F401
    test_a_channel_that_is_not_where_it_was_expected_is_left_alone,  # noqa: F401
    test_a_forced_promotion_needs_a_reason_and_says_so_in_the_history,  # noqa: F401
    test_a_promotion_moves_no_bytes_and_one_property_finds_the_image,  # noqa: F401
    test_a_promotion_that_is_done_already_changes_nothing,  # noqa: F401
    test_a_released_image_is_protected_while_it_is_released_and_no_longer,  # noqa: F401
    test_a_revoked_version_leaves_all_channels_and_consumers_get_no_bytes,  # noqa: F401
    test_a_rollback_goes_to_the_version_before_and_again_to_the_one_before_that,  # noqa: F401
    test_a_version_is_refused_at_the_gate_that_has_a_reason,  # noqa: F401
    test_all_formats_of_a_version_move_together,  # noqa: F401
    test_an_image_that_was_protected_before_stays_so,  # noqa: F401
    test_revoking_the_last_good_version_leaves_a_channel_empty,  # noqa: F401
    test_the_events_explain_the_state,  # noqa: F401
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
PROJECTS = itertools.count(1)
DOCS = Path(__file__).parents[2] / "docs/promotion.md"
ASKING = (
    ChannelPart(name="dev"),
    ChannelPart(name="candidate"),
    ChannelPart(name="staged"),
    ChannelPart(name="released", gates=Gates(order=True, audit=True, signature=True, approvals={"count": 1})),
)

MOVE = """
import os
import sys
from pathlib import Path
from goldsmith.catalog.glance import GlanceCatalog
from goldsmith.catalog.local import LocalCatalog
from goldsmith.errors import GoldsmithError
from goldsmith.promote import decide, retention
from goldsmith.promote.cloud import GlanceDesk
from goldsmith.recipe.project import CloudCatalog
from goldsmith.recipe.promotion import CHANNELS
def move(who, count):
    state = Path(sys.argv[1])
    catalog = GlanceCatalog("glance", CloudCatalog(cloud="glance"), state / "clouds/glance")
    desk = GlanceDesk(catalog, LocalCatalog(state / "catalog"), CHANNELS, who)
    desk.facts("r")
    told = 0
    print("ready", os.getpid(), flush=True)
    for number in range(count):
        version = f"20260101.{number % 2 + 1}"
        try:
            desk.act("r", lambda facts: decide.promotion(facts, version, "released"))
        except GoldsmithError as error:
            told += 1
            print(type(error).__name__, error.exit_code, flush=True)
    print("told", told, flush=True)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with glance_server.running(tmp_path_factory.mktemp("glance")) as running:
        yield running


@pytest.fixture
def shop(server, tmp_path, monkeypatch):
    """Give a shop in a new project of the cloud."""
    project = f"p{next(PROJECTS)}"
    clouds = tmp_path / "clouds.yaml"
    clouds.write_text(server.clouds("glance", token=f"ann:{project}:member"))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    shop = CloudShop(tmp_path)
    shop.image_owner, shop.token = project, f"ann:{project}:member"
    return shop


@pytest.fixture
def two(shop):
    """Give a shop whose two versions were candidates, and the first one is released."""
    for number in (1, 2):
        shop.make(f"20260101.{number}")
        shop.promote(f"20260101.{number}", "candidate")
    shop.promote("20260101.1", "released")
    return shop


def versions(images):
    return [one.properties["goldsmith_version"] for one in images]


def last_changed(shop):
    """Return the version that a query finds first which sorts by the last change, finer than to the second."""
    said = shop.catalog.api.ask(
        "ask", "/images", goldsmith_channel_released="r", sort="updated_at:desc", limit=1
    )
    return said["images"][0]["goldsmith_version"]


def written(shop):
    """Return the state that the written events lead to, whether they are carried out or not."""
    return state_of("r", [one.event for one in shop.desk()._log.read("r")])


def test_a_promotion_that_dies_is_finished_by_the_next_command_whenever_it_dies(two):
    chosen, between, moves, began = random.Random(11), 0, 0, time.monotonic()
    two.promote("20260101.2", "released")
    once = time.monotonic() - began  # so that a busy machine dies in the middle as well
    with Nursery.of(MOVE, two.folder / "state") as nursery:
        for _ in range(50):
            before = written(two).number
            with nursery.killed_at_the_end("ann", 1000):
                time.sleep(chosen.uniform(0, 2 * once))
            state, found = written(two), two.channel_images("released")
            assert found, "never without an image"
            assert len(found) <= 2
            assert not any(one.hidden for one in found)
            assert all(one.status is Status.ACTIVE for one in found)
            if len(found) == 2:
                between += 1
                assert last_changed(two) == state.holds["released"], (
                    "the one that was changed last is the new one"
                )
            assert two.desk().facts("r").state.number == state.number  # the next command
            assert versions(two.channel_images("released")) == [written(two).holds["released"]], "never two"
            assert two.desk()._log.read("r")[-1].done
            moves += state.number - before
    assert moves > 10, "many of them had begun"
    print(f"{moves} promotions, {between} of 50 deaths between two requests")


def test_of_two_who_write_the_same_event_one_wins_and_the_other_is_told(two):
    facts = two.facts
    first, second = (
        decide.promotion(facts, version, "released", force=True, reason="now")
        for version in ("20260101.2", "20260101.2")
    )
    two.desk("ann")._log.append(first)
    with pytest.raises(
        Overtaken, match=r"ann was first: r@20260101\.2 promoted \(released\) at .* nothing was"
    ):
        two.desk("bob")._log.append(second)
    assert two.desk("bob").facts("r").state.number == first.number


def test_two_processes_at_once_lose_no_event_and_one_of_two_that_meet_is_told(two):
    running = [start(MOVE, two.folder / "state", who, 15) for who in ("ann", "bob")]
    said = [one.communicate() for one in running]
    assert all("Overtaken 6" in out or "told 0" in out for out, _ in said), said
    assert any("Overtaken 6" in out for out, _ in said), "they met"
    assert not any(err for _, err in said), said
    two.facts  # noqa: B018  finishes what may be left
    log = two.desk()._log.read("r")
    assert [one.event.number for one in log] == list(range(1, len(log) + 1))
    moves = [one.event.moves[0] for one in log if one.event.channel == "released"]
    for one, following in itertools.pairwise(moves):
        assert following.before == one.after, "each knew what the one before had done"
    assert versions(two.channel_images("released")) == [moves[-1].after]


def test_many_threads_write_one_event_of_each_number(two):
    facts, wins, told = two.facts, [], []

    def work(who):
        event = decide.promotion(facts, "20260101.2", "released")
        try:
            wins.append(two.desk(who)._log.append(event))
        except Overtaken as error:
            told.append(str(error))

    threads = [threading.Thread(target=work, args=(f"u{number}",)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(wins), len(told)) == (1, 7)
    assert all(wins[0].event.who in one for one in told)


def test_somebody_who_is_at_it_is_waited_for_until_the_lease_ends(two):
    event = decide.promotion(two.facts, "20260101.2", "released")
    two.desk("ann")._log.append(event)  # by this process, which lives
    with pytest.raises(Overtaken, match=r"ann is at it: r@20260101\.2 promoted since"):
        two.rollback("released")
    assert two.desk("bob").facts("r").state.holds["released"] == "20260101.2", "it is written, so it holds"
    assert versions(two.channel_images("released")) == ["20260101.1"], "but it is not carried out"
    late = two.desk("bob", lease=0.0)
    assert late.facts("r").state.holds["released"] == "20260101.2"
    assert versions(two.channel_images("released")) == ["20260101.2"]


def test_a_channel_that_the_cloud_does_not_allow_is_left_as_it_was(two):
    two.channels = (DEV, two.channels[1], ChannelPart(name="released", visibility="public"))
    with pytest.raises(CatalogError, match=r"refused to change the image .* \(403\)"):
        two.promote("20260101.2", "released")
    assert two.holds["released"] == "20260101.1"
    assert versions(two.channel_images("released")) == ["20260101.1"]
    last = two.desk().history("r")[-1]
    assert (last.kind, last.moves[0].after) == (Kind.UNDONE, "20260101.1")
    assert "403" in last.reason
    two.channels = CHANNELS
    assert two.promote("20260101.2", "released").version == "20260101.2", "and nothing stands in the way"


def test_a_promotion_that_died_and_that_the_cloud_refuses_is_undone_by_the_next_command(two):
    two.channels = (DEV, two.channels[1], ChannelPart(name="released", visibility="public"))
    event = decide.promotion(two.facts, "20260101.2", "released")
    two.desk("ann")._log.append(event)  # and there she died
    assert written(two).holds["released"] == "20260101.2"
    late = two.desk("bob", lease=0.0)
    late.facts("r")  # a reader, who perhaps may change nothing, leaves it
    assert written(two).holds["released"] == "20260101.2"
    assert late.act("r", lambda facts: decide.promotion(facts, "20260101.1", "released")) is None
    assert two.holds["released"] == written(two).holds["released"] == "20260101.1"
    assert versions(two.channel_images("released")) == ["20260101.1"]
    last = two.desk().history("r")[-1]
    assert (last.kind, last.version, last.moves[0].after) == (Kind.UNDONE, "20260101.2", "20260101.1")
    assert "403" in last.reason


def test_properties_that_somebody_changed_by_hand_are_put_right_by_the_next_move(two, server):
    image = two.image("20260101.2")
    forged = [{"op": "add", "path": f"/{CHANNEL}released", "value": "r"}]
    patched = two.catalog.api.once(
        "forge",
        "PATCH",
        f"/images/{image.id}",
        body=forged,
        headers={"Content-Type": "application/openstack-images-v2.1-json-patch"},
    )
    assert patched[f"{CHANNEL}released"] == "r"
    two.make("20260101.3")
    assert versions(two.channel_images("released")) == ["20260101.1"]


def test_images_of_other_projects_do_not_count_whatever_they_call_themselves(two, server):
    body = {
        "name": "forged",
        "visibility": "public",
        "disk_format": "raw",
        "container_format": "bare",
        "goldsmith_recipe": "r",
        "goldsmith_version": "20270101.1",
    }
    url = f"{server.url}/v2/images"
    headers = {"X-Auth-Token": "eve:evil:admin", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as answer:
        forged = json.load(answer)["id"]
    put = urllib.request.Request(
        f"{url}/{forged}/file",
        b"evil",
        {"X-Auth-Token": "eve:evil:admin", "Content-Type": "application/octet-stream"},
        method="PUT",
    )
    urllib.request.urlopen(put).close()
    try:
        assert "20270101.1" in versions(
            two.catalog.list(Query(properties={"goldsmith_recipe": "r"}, hidden=True))
        )
        assert "20270101.1" not in two.facts.versions
        assert two.promote("20260101.2", "released").version == "20260101.2"
    finally:
        request = urllib.request.Request(
            f"{url}/{forged}", headers={"X-Auth-Token": "eve:evil:admin"}, method="DELETE"
        )
        urllib.request.urlopen(request).close()


def test_an_event_that_somebody_deleted_is_passed_over(two):
    log = two.desk()._log
    last = log.read("r")[-1]
    two.catalog.api.once(
        "unprotect",
        "PATCH",
        f"/images/{last.image_id}",
        body=[{"op": "replace", "path": "/protected", "value": False}],
        headers={"Content-Type": "application/openstack-images-v2.1-json-patch"},
    )
    two.catalog.api.once("delete", "DELETE", f"/images/{last.image_id}")
    event = two.promote("20260101.2", "released", force=True, reason="on")
    assert event.number == last.event.number + 1, "a number is given once"


def test_what_the_history_writes_is_seen_by_nobody_who_lists_images(two):
    listed = two.catalog.list(Query())
    assert {one.properties.get(EVENT) for one in listed} == {None}
    assert all(one.properties.get(DONE) is None for one in listed)


def documented(start):
    """Return the words of the first command of docs/promotion.md that begins so, for the recipe ``r``."""
    (line, *_) = (one for one in DOCS.read_text().splitlines() if one.startswith(f"$ {start}"))
    return shlex.split(line.removeprefix("$ ").partition(" | ")[0].replace("=rhel7", "=r"))


def test_a_consumer_finds_the_image_by_the_documented_commands(two, server, tmp_path):
    asked = urllib.request.Request(
        f"{server.url}/v2/images?goldsmith_channel_released=r&sort=updated_at:desc&limit=1",
        headers={"X-Auth-Token": two.token},
    )
    with urllib.request.urlopen(asked) as answer:
        (found,) = json.load(answer)["images"]
    assert found["goldsmith_version"] == "20260101.1"
    openstack, words = OpenstackClient(tmp_path / "clouds.yaml", "glance"), documented("openstack image list")
    assert openstack(*words[1:]).split() == [found["id"]]
    (older,) = two.facts.versions["20260101.1"].images
    (newer,) = two.facts.versions["20260101.2"].images
    two.catalog.api.once(  # as between two requests of a move
        "mark",
        "PATCH",
        f"/images/{newer.id}",
        body=[{"op": "add", "path": "/goldsmith_channel_released", "value": "r"}],
        headers={"Content-Type": "application/openstack-images-v2.1-json-patch"},
    )
    assert openstack(*words[1:]).split() == [newer.id, older.id], "the last changed is the first"


def test_gates_of_a_cloud_rest_on_the_documents_that_are_kept_here(two):
    gates = {one.gate: one for one in decide.verdicts(two.facts, two.facts.version("20260101.2"), "released")}
    assert gates["audit"].answer == "passed"
    assert gates["audit"].evidence
    assert Gates().order


def test_a_command_that_a_refusal_names_is_for_the_cloud_or_for_the_host_that_built(two):
    facts = replace(two.facts, channels=ASKING)
    refused = [
        (lambda: decide.promotion(facts, "20260101.2", "released"), "promote r@20260101.2 --to staged"),
        (lambda: decide.promotion(facts, "20260101.2", "released"), "approve r@20260101.2 --to released"),
        (lambda: decide.promotion(facts, "20260101.2", "released", expected="x"), "history r"),
        (lambda: decide.promotion(facts, "", "released"), "promote r@20260101.2 --to released"),
        (lambda: decide.rollback(facts, "staged"), "promote r --to staged"),
        (lambda: decide.rollback(facts, "released"), "promote r@VERSION --to released"),
        (lambda: decide.rollback(facts, "dev", to="20260101.2"), "history r"),
        (lambda: decide.restoration(facts, "20260101.2"), "history r"),
    ]
    for act, words in refused:
        with pytest.raises(GoldsmithError) as told:
            act()
        assert f"goldsmith {words} --catalog glance" in told.value.fix
    bare = replace(facts.version("20260101.2"), evidence=())
    gates = {one.gate: one.fix for one in decide.verdicts(facts, bare, "released")}
    assert gates["audit"].startswith("goldsmith audit r@20260101.2; mend the recipe")
    assert gates["signature"] == "goldsmith sign r@20260101.2, then goldsmith verify r@20260101.2 --ca BUNDLE"


def test_an_image_goes_the_whole_way_by_commands_and_the_history_tells_it(shop, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "goldsmith.yaml").write_text(
        "catalog: cloud\ncatalogs: {cloud: {cloud: glance}}\n"
        "retention: {keep: 0, keep_days: 0, keep_released: 1, grace: 0 s}\n"
    )
    for number in (1, 2, 3):
        shop.make(f"20260101.{number}")
    shop.make("20260101.4", evidence={"audit": GOOD, "boot-test": BAD})
    for number in (1, 2):
        assert call("promote", f"r@20260101.{number}", "--to", "candidate", "--as", "ann")[0] == 0
        assert call("promote", "r", "--to", "released")[0] == 0
    code, out, _ = call("promote", "r@20260101.4", "--to", "candidate")
    assert code == 5
    assert "boot test    refused" in out
    code, out, _ = call("rollback", "r", "--channel", "released", "--reason", "slow")
    assert (code, out) == (0, "r@20260101.1 rolled back: released: 20260101.2 -> 20260101.1\n")
    assert call("revoke", "r@20260101.2", "--reason", "CVE-1")[0] == 0
    code, out, _ = call("channels", "r")
    assert [line.split()[1:3] for line in out.splitlines()[1:]] == [
        ["dev", "20260101.4"],
        ["candidate", "20260101.1"],
        ["released", "20260101.1"],
    ]
    rows = json.loads(call("retire", "r", "--json")[1])["versions"]
    assert {one["version"]: one["why"] for one in rows}[
        "r@20260101.3"
    ] == "it is not known whether a server uses it"
    assert [one["kind"] for one in json.loads(call("history", "r", "--json")[1])] == [
        *["registered"] * 4,
        *["promoted"] * 4,
        "rolled back",
        "revoked",
    ]
    assert "why: CVE-1" in call("history", "r")[1]


def test_an_old_version_is_hidden_deactivated_and_deleted_and_comes_back_before_that(shop):
    for number in (1, 2):
        shop.make(f"20260101.{number}")
    rules = Retention.model_validate({"keep": 0, "keep_days": 0, "grace": "0 s"})
    image = shop.image("20260101.1").id

    def step():
        unused = {image: 0}
        return shop.desk().act("r", lambda facts: retention.due(facts, rules, unused, "20260101.1"))

    assert step().step == "hidden"
    assert shop.catalog.get(image).hidden
    assert step().step == "deactivated"
    assert shop.catalog.get(image).status is Status.DEACTIVATED
    shop.desk().act("r", lambda facts: retention.undone(facts, rules, "20260101.1"))
    found = shop.catalog.get(image)
    assert (found.status, found.hidden) == (Status.ACTIVE, False)
    assert [step().step for _ in range(3)] == ["hidden", "deactivated", "deleted"]
    with pytest.raises(CatalogError, match="has no image"):
        shop.catalog.get(image)
    with pytest.raises(CatalogError, match=r"r@20260101\.1 is deleted for good"):
        shop.desk().act("r", lambda facts: retention.undone(facts, rules, "20260101.1"))
