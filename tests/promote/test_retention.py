"""What is planned for old versions, and how it is carried out and taken back."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from goldsmith.catalog.entry import Changes, Status
from goldsmith.errors import CatalogError, GateError, UsageError
from goldsmith.promote import retention
from goldsmith.promote.event import Kind
from goldsmith.promote.retention import Fate
from goldsmith.recipe.promotion import Retention


def rules(**more):
    return Retention.model_validate({"keep": 1, "keep_days": 0, "keep_released": 1, "grace": "0 s", **more})


@pytest.fixture
def old(shop):
    """Give a shop with six versions: 6 is in dev, 5 in released, which had 3 before; nobody needs 1, 2, and 4."""
    for number in range(1, 7):
        shop.make(f"20260101.{number}")
        if number in (3, 5):
            for channel in ("candidate", "released"):
                shop.promote(f"20260101.{number}", channel)
    return shop


def plan(shop, uses=None, **more):
    facts = shop.facts
    uses = shop.desk().uses(facts) | (uses or {})
    return {one.version.version[-1]: one for one in retention.plan(facts, rules(**more), uses)}


def apply(shop, uses=None, **more):
    """Take every step that is due, as the command does."""
    done = []
    for number in plan(shop, uses, **more):

        def decided(facts, version=f"20260101.{number}"):
            return retention.due(facts, rules(**more), shop.desk().uses(facts) | (uses or {}), version)

        if event := shop.desk().act("r", decided):
            done.append((event.version[-1], event.step))
    return done


def age(shop, days):
    """Let time pass: everything that happened did so many days ago."""
    with shop.catalog.database.writing() as session:
        for row in session.rows("SELECT id, created_at FROM images"):
            before = datetime.fromisoformat(str(row["created_at"])) - timedelta(days=days)
            session.run(
                "UPDATE images SET created_at = :at WHERE id = :id", at=before.isoformat(), id=row["id"]
            )
        for event in shop.desk().history("r"):
            session.run(
                "UPDATE channel_events SET document = :text WHERE number = :number",
                text=replace(event, at=event.at - timedelta(days=days)).text(),
                number=event.number,
            )


def test_each_version_has_a_fate_with_a_reason(old):
    told = {number: (one.fate, one.why) for number, one in plan(old).items()}
    assert told == {
        "6": (Fate.KEEP, "in dev"),
        "5": (Fate.KEEP, "in candidate, released"),
        "4": (Fate.HIDE, "nothing keeps it"),
        "3": (Fate.KEEP, "candidate could be rolled back to it"),
        "2": (Fate.HIDE, "nothing keeps it"),
        "1": (Fate.HIDE, "nothing keeps it"),
    }


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"keep": 3}, {"4": "one of the 3 newest", "2": "nothing keeps it"}),
        ({"keep_days": 2}, {"4": "younger than 2 days", "1": "younger than 2 days"}),
    ],
)
def test_the_newest_and_the_young_are_kept(old, more, why):
    found = plan(old, **more)
    assert {number: found[number].why for number in why} == why


def test_what_is_protected_or_used_or_may_be_used_is_kept(old):
    old.catalog.update(old.image("20260101.4").id, Changes(protected=True))
    uses = {old.image("20260101.2").id: 3, old.image("20260101.1").id: None}
    found = plan(old, uses)
    assert [found[one].why for one in "421"] == [
        "protected",
        "used by 3 servers",
        "it is not known whether a server uses it",
    ]
    assert apply(old, uses) == []


def test_a_version_is_hidden_then_deactivated_then_deleted_with_the_grace_time_between(old):
    assert apply(old, grace="7 d") == [("4", "hidden"), ("2", "hidden"), ("1", "hidden")]
    image = old.image("20260101.4").id
    assert (old.catalog.get(image).hidden, old.catalog.get(image).status) == (True, Status.ACTIVE)
    age(old, 6)
    assert apply(old, grace="7 d") == []
    assert plan(old, grace="7 d")["4"].fate is Fate.WAIT
    age(old, 2)
    assert apply(old, grace="7 d") == [("4", "deactivated"), ("2", "deactivated"), ("1", "deactivated")]
    assert old.catalog.get(image).status is Status.DEACTIVATED
    age(old, 8)
    assert apply(old, grace="7 d") == [("4", "deleted"), ("2", "deleted"), ("1", "deleted")]
    with pytest.raises(CatalogError, match="has no image"):
        old.catalog.get(image)
    assert sorted(plan(old)) == ["3", "5", "6"]


def test_what_was_promoted_between_plan_and_step_is_left_alone(old):
    planned = plan(old)["4"]
    old.promote("20260101.4", "candidate")
    facts = old.facts
    assert planned.fate is Fate.HIDE
    assert retention.due(facts, rules(), old.desk().uses(facts), "20260101.4") is None


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_every_step_can_be_taken_back(old, steps):
    (image,) = [one.id for one in old.facts.versions["20260101.4"].images]
    for _ in range(steps):
        apply(old)
    assert "20260101.4" in retention.retired(old.facts)
    event = old.desk().act("r", lambda facts: retention.undone(facts, rules(), "20260101.4"))
    assert event.kind is Kind.RESTORED
    found = old.catalog.get(image)
    assert (found.status, found.hidden) == (Status.ACTIVE, False)
    assert old.catalog.verify(image).good
    assert plan(old)["4"].fate is Fate.HIDE, "and its end is planned anew"
    with pytest.raises(UsageError, match=r"r@20260101\.4 was not retired"):
        old.desk().act("r", lambda facts: retention.undone(facts, rules(), "20260101.4"))


def test_what_is_purged_does_not_come_back(old):
    for _ in range(3):
        apply(old)
    old.catalog.purge(older_than=timedelta(0), apply=True)
    with pytest.raises(CatalogError, match=r"r@20260101\.4 is deleted for good"):
        old.desk().act("r", lambda facts: retention.undone(facts, rules(), "20260101.4"))


def test_a_revoked_version_goes_after_the_grace_time_and_never_comes_back(old):
    old.revoke("20260101.5", "CVE-1")
    row = plan(old, keep=10, keep_days=100, grace="7 d")["5"]
    assert (row.fate, row.why, row.step) == (Fate.WAIT, "revoked: CVE-1", "deleted")
    assert ("5", "deleted") in apply(old)
    with pytest.raises(GateError, match="is revoked and stays so"):
        old.desk().act("r", lambda facts: retention.undone(facts, rules(), "20260101.5"))


def test_a_hidden_version_that_is_promoted_again_is_shown_and_no_longer_retired(old):
    apply(old)
    old.promote("20260101.4", "candidate")
    assert not old.image("20260101.4").hidden
    assert "20260101.4" not in old.facts.state.retired
