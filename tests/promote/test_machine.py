"""Whatever people do in whatever order: what must hold of the channels of a catalog afterwards."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from goldsmith.catalog.entry import Query, Status
from goldsmith.catalog.rules import CHANNEL
from goldsmith.errors import GoldsmithError
from goldsmith.promote import decide, retention
from goldsmith.promote.event import Answer, state_of
from goldsmith.recipe.promotion import Retention

from .shop import BAD, GOOD_EVIDENCE, Shop

CHANNELS = ("dev", "candidate", "released")
channels = st.sampled_from(CHANNELS)
versions = st.integers(1, 8).map(lambda number: f"20260101.{number}")
RULES = Retention.model_validate({"keep": 1, "keep_days": 0, "keep_released": 1, "grace": "0 s"})


class Channels(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.shop = Shop(self.folder)
        self.made, self.revoked, self.spoiled = 0, set(), set()
        self.log = ()
        self.emptied = set()

    def teardown(self):
        shutil.rmtree(self.folder)

    def attempt(self, work):
        """Do it; what is refused has changed nothing."""
        before = self.shop.holds, self.log
        try:
            return work()
        except GoldsmithError as error:
            refused = error.exit_code in (2, 5, 6)
        assert refused
        assert (self.shop.holds, self.shop.desk().history("r")) == before
        return None

    @rule(good=st.booleans())
    def build(self, good):
        self.made += 1
        number = f"20260101.{self.made}"
        self.shop.make(number, size=10, evidence=GOOD_EVIDENCE if good else {**GOOD_EVIDENCE, "audit": BAD})
        if not good:
            self.spoiled.add(number)

    @rule(version=versions, channel=channels)
    def promote(self, version, channel):
        if event := self.attempt(lambda: self.shop.promote(version, channel)):
            assert version not in self.revoked
            assert channel == "dev" or version not in self.spoiled, "it did not pass its audit"
            assert all(one.answer is Answer.PASSED for one in event.gates)

    @rule(version=versions, channel=channels)
    def force(self, version, channel):
        if self.attempt(lambda: self.shop.promote(version, channel, force=True, reason="now")):
            assert version not in self.revoked

    @rule(channel=channels)
    def roll_back(self, channel):
        if event := self.attempt(lambda: self.shop.rollback(channel)):
            assert event.version not in self.revoked | self.spoiled
            assert event.moves[0].before != event.moves[0].after

    @rule(channel=channels, version=versions)
    def roll_back_to(self, channel, version):
        if self.attempt(lambda: self.shop.rollback(channel, to=version)):
            assert self.shop.facts.state.was_in(version, channel)

    @rule(version=versions)
    def revoke(self, version):
        if event := self.attempt(lambda: self.shop.revoke(version)):
            self.revoked.add(version)
            for move in event.moves:
                if not move.after:
                    self.emptied.add(move.channel)

    @rule(version=versions)
    def delete(self, version):
        def work():
            desk = self.shop.desk()
            return desk.act("r", lambda facts: decide.withdrawal(facts, version, reason="gone"))

        if (event := self.attempt(work)) and not event.moves[0].after:
            self.emptied.add("dev")

    @rule()
    def retire(self):
        desk = self.shop.desk()
        facts = desk.facts("r")
        for row in retention.plan(facts, RULES, desk.uses(facts)):
            version = row.version.version
            event = desk.act(
                "r", lambda facts, one=version: retention.due(facts, RULES, desk.uses(facts), one)
            )
            assert (event is None) == (row.step is None)
            if event:
                assert not facts.state.channels_of(version)

    @rule()
    def bring_back(self):
        for version in retention.retired(self.shop.facts):
            self.shop.desk().act("r", lambda facts, one=version: retention.undone(facts, RULES, one))
            assert self.shop.facts.versions[version].usable
            assert not any(one.hidden for one in self.shop.facts.versions[version].images)

    @invariant()
    def history_is_only_added_to_and_explains_the_state(self):
        now = self.shop.desk().history("r")
        assert now[: len(self.log)] == self.log
        self.log = now
        assert state_of("r", now).holds == self.shop.holds

    @invariant()
    def consumers_find_one_good_image_in_each_channel_that_was_ever_filled(self):
        filled = {one.channel for event in self.log for one in event.moves if one.after}
        for channel in CHANNELS:
            query = Query(properties={f"{CHANNEL}{channel}": "r"})
            found = [one.properties["goldsmith_version"] for one in self.shop.catalog.list(query)]
            held = self.shop.holds.get(channel)
            assert found == ([held] if held else [])
            assert held not in self.revoked
            if channel in filled and not held:
                assert channel in self.emptied, (
                    "only a revocation or a deletion of the last one empties a channel"
                )

    @invariant()
    def what_is_in_a_channel_can_be_had_and_what_is_revoked_cannot(self):
        for version in self.shop.facts.versions.values():
            for image in version.images:
                if self.shop.facts.state.channels_of(version.version):
                    assert (image.status, image.hidden) == (Status.ACTIVE, False)
                if version.version in self.revoked:
                    assert (image.status, image.hidden) == (Status.DEACTIVATED, True)
                named = [name for name in image.properties if name.startswith(CHANNEL)]
                assert len(named) == len(self.shop.facts.state.channels_of(version.version))


TestChannels = Channels.TestCase
TestChannels.settings = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)


def test_the_machine_notices_a_channel_that_was_moved_behind_the_back_of_the_history():
    machine = Channels()
    machine.build(good=True)
    machine.history_is_only_added_to_and_explains_the_state()
    with machine.shop.catalog.database.writing() as session:
        session.run("DELETE FROM image_properties WHERE name LIKE 'goldsmith_channel_%'")
    with pytest.raises(AssertionError):
        machine.consumers_find_one_good_image_in_each_channel_that_was_ever_filled()
    machine.teardown()
