"""A process that dies while it moves a channel, and processes that move it at once."""

import itertools
import random
import time
from collections import Counter

import pytest

from goldsmith.catalog.entry import Query
from goldsmith.promote.event import state_of

from .movers import Nursery, start

MOVE = """
import os
import sys
from pathlib import Path
from goldsmith.catalog.local import LocalCatalog
from goldsmith.errors import GoldsmithError
from goldsmith.promote import decide
from goldsmith.promote.embedded import EmbeddedDesk
from goldsmith.recipe.promotion import CHANNELS
def move(who, count):
    desk = EmbeddedDesk(LocalCatalog(Path(sys.argv[1])), CHANNELS, who)
    print("ready", os.getpid(), flush=True)
    for number in range(count):
        version = f"20260101.{number % 4 + 1}"
        try:
            desk.act("r", lambda facts: decide.promotion(facts, version, "released"))
            if number % 3 == 2:
                desk.act("r", lambda facts: decide.rollback(facts, "released"))
        except GoldsmithError as error:
            if error.exit_code != 5:
                raise
"""


@pytest.fixture
def filled(shop):
    for number in range(1, 5):
        shop.make(f"20260101.{number}", formats=("raw", "qcow2"))
        shop.promote(f"20260101.{number}", "candidate")
    shop.promote("20260101.1", "released")
    return shop


def check(shop):
    """Return the history of a catalog whose channel has one version, whole, in both of its formats."""
    found = shop.catalog.list(Query(properties={"goldsmith_channel_released": "r"}))
    assert Counter(one.disk_format for one in found) == {"raw": 1, "qcow2": 1}
    assert len({one.properties["goldsmith_version"] for one in found}) == 1
    events = shop.desk().history("r")
    assert [one.number for one in events] == list(range(1, len(events) + 1))
    assert state_of("r", events).holds["released"] == found[0].properties["goldsmith_version"]
    protected = shop.catalog.list(Query(properties={"goldsmith_protected_by_channel": "yes"}, hidden=True))
    assert {one.id for one in protected} == {one.id for one in found}
    return events


def test_a_killed_promotion_leaves_a_channel_with_one_image_whenever_it_dies(filled):
    chosen, seen = random.Random(5), [len(check(filled))]
    with Nursery.of(MOVE, filled.catalog.folder) as nursery:
        for _ in range(50):
            with nursery.killed_at_the_end("ann", 10_000):
                time.sleep(chosen.uniform(0, 0.1))
            seen.append(len(check(filled)))
    moved = [later > earlier for earlier, later in itertools.pairwise(seen)]
    assert sum(moved) > 10, "many of them died after a move, also on a busy host"


def test_two_processes_at_once_take_turns_and_lose_no_event(filled):
    before = len(filled.desk().history("r"))
    running = [start(MOVE, filled.catalog.folder, who, 30) for who in ("ann", "bob")]
    for one in running:
        one.communicate()
        assert one.returncode == 0
    events = check(filled)[before:]
    assert {one.who for one in events} == {"ann", "bob"}
    for one, following in itertools.pairwise(events):
        assert following.moves[0].before == one.moves[0].after, "each knew what the one before had done"
