"""What happens to channels on the embedded catalog."""

import pytest

from goldsmith.catalog.entry import Changes, Query, Status
from goldsmith.errors import CatalogError, GateError, UsageError
from goldsmith.promote.decide import Refused
from goldsmith.promote.event import Kind, state_of
from goldsmith.recipe.promotion import CANDIDATE, CHANNELS, DEV, RELEASED, ChannelPart, Gates

from .shop import BAD, GOOD, GOOD_EVIDENCE


@pytest.fixture
def released(shop):
    """Give a shop with versions 1 to 3, all of them once in every channel, the last one there now."""
    for number in (1, 2, 3):
        shop.make(f"20260101.{number}")
        for channel in ("candidate", "released"):
            shop.promote(f"20260101.{number}", channel)
    return shop


def test_a_build_enters_the_first_channel_by_itself(shop):
    shop.make("20260101.1")
    shop.make("20260101.2")
    assert shop.holds == {"dev": "20260101.2"}
    assert [one.kind for one in shop.desk().history("r")] == [Kind.REGISTERED, Kind.REGISTERED]


def test_an_older_build_that_ends_later_does_not_take_the_first_channel_back(shop):
    shop.make("20260101.2")
    shop.make("20260101.1")
    assert shop.holds == {"dev": "20260101.2"}


def test_a_promotion_moves_no_bytes_and_one_property_finds_the_image(shop):
    (image,) = shop.make("20260101.1")
    before = shop.catalog.get(image)
    event = shop.promote("", "candidate")
    assert (event.version, event.origin, event.forced) == ("20260101.1", "dev", False)
    found = shop.channel_images("candidate")
    assert [one.id for one in found] == [image]
    assert shop.catalog.verify(image).good
    assert (found[0].sha256, found[0].created_at) == (before.sha256, before.created_at)


def test_all_formats_of_a_version_move_together(shop):
    ids = shop.make("20260101.1", formats=("raw", "ploop"))
    shop.promote("", "candidate")
    found = shop.channel_images("candidate")
    assert {one.id for one in found} == set(ids)


def test_a_channel_has_one_version_at_a_time(released):
    for channel in ("dev", "candidate", "released"):
        found = released.channel_images(channel)
        assert [one.properties["goldsmith_version"] for one in found] == ["20260101.3"]


def test_a_promotion_that_is_done_already_changes_nothing(released):
    before = released.desk().history("r")
    assert released.promote("20260101.3", "released") is None
    assert released.desk().history("r") == before


@pytest.mark.parametrize(
    ("evidence", "channel", "told"),
    [
        ({**GOOD_EVIDENCE, "audit": BAD}, "candidate", "audit: refused: 1 failed, 1 ok (C2)"),
        ({**GOOD_EVIDENCE, "boot-test": BAD}, "candidate", "boot test: refused: 1 failed, 1 ok (C2)"),
        ({"boot-test": GOOD}, "candidate", "audit: unknown: no audit is kept with it"),
        ({"audit": GOOD}, "candidate", "boot test: unknown: no boot-test is kept with it"),
        (GOOD_EVIDENCE, "released", "order: refused: it was never in candidate"),
    ],
)
def test_a_version_is_refused_at_the_gate_that_has_a_reason(shop, evidence, channel, told):
    shop.make("20260101.1", evidence=evidence)
    with pytest.raises(Refused, match=r"r@20260101\.1 is not let into") as refused:
        shop.promote("20260101.1", channel)
    assert refused.value.exit_code == 5
    assert any(line.startswith(told) for line in refused.value.evidence), refused.value.evidence
    assert len(refused.value.evidence) == 1
    assert shop.holds == {"dev": "20260101.1"}


def test_of_two_audits_the_later_one_counts(shop):
    (image,) = shop.make("20260101.1", evidence={**GOOD_EVIDENCE, "audit": BAD})
    shop.attach(image, "audit", GOOD)
    assert shop.promote("", "candidate").version == "20260101.1"
    shop.attach(image, "audit", BAD)
    with pytest.raises(Refused, match="audit: refused"):
        shop.promote("", "released")


def test_evidence_whose_document_was_changed_proves_nothing(shop):
    shop.make("20260101.1")
    record = shop.facts.versions["20260101.1"].newest("audit")
    document = shop.catalog.folder / "evidence" / record.sha256[:2] / record.sha256
    document.chmod(0o644)
    document.write_bytes(GOOD + b" ")
    with pytest.raises(
        Refused, match=rf"audit: unknown: the document .* \({record.sha256[:12]}\) is gone or was"
    ):
        shop.promote("", "candidate")


def test_a_forced_promotion_needs_a_reason_and_says_so_in_the_history(shop):
    shop.make("20260101.1", evidence={})
    with pytest.raises(UsageError, match="--force needs a reason"):
        shop.promote("", "candidate", force=True, reason=" ")
    shop.promote("", "candidate", force=True, reason="the lab needs it today")
    event = shop.desk().history("r")[-1]
    assert (event.forced, event.reason, event.who) == (True, "the lab needs it today", "ann")
    assert {one.gate: one.answer for one in event.gates}["audit"] == "unknown"


def test_what_gates_let_in_is_not_called_forced(shop):
    shop.make("20260101.1")
    assert not shop.promote("", "candidate", force=True, reason="to be sure").forced


def test_no_force_lets_in_what_was_revoked_or_is_not_whole(released):
    released.revoke("20260101.2", "CVE-1")
    with pytest.raises(Refused, match="revoked by ann: CVE-1"):
        released.promote("20260101.2", "released", force=True, reason="please")
    image = released.image("20260101.1")
    released.catalog.blobs.remove(image.sha256)
    with pytest.raises(Refused, match=f"whole: refused: the bytes of image {image.id} are not there"):
        released.promote("20260101.1", "released", force=True, reason="please")


def test_a_channel_that_is_not_where_it_was_expected_is_left_alone(released):
    with pytest.raises(GateError, match=r"released of r is at 20260101\.3, not at 20260101\.1"):
        released.promote("20260101.2", "released", expected="20260101.1")
    assert released.promote("20260101.2", "released", expected="20260101.3").version == "20260101.2"


def test_a_rollback_goes_to_the_version_before_and_again_to_the_one_before_that(released):
    assert released.rollback("released", reason="slow").version == "20260101.2"
    assert released.rollback("released").version == "20260101.1"
    with pytest.raises(GateError, match=r"no version before 20260101\.1 was in released and is still good"):
        released.rollback("released")
    assert released.holds["candidate"] == "20260101.3"


def test_a_rollback_passes_over_what_is_not_good_any_more(released):
    released.attach(released.image("20260101.2").id, "boot-test", BAD)
    assert released.rollback("released").version == "20260101.1"


def test_a_rollback_does_not_return_to_what_was_rolled_back_from(released):
    released.rollback("released")  # from 3 to 2
    released.promote("20260101.1", "released")
    released.make("20260102.1")
    released.promote("", "candidate")
    released.promote("", "released")
    assert released.rollback("released").version == "20260101.1"
    assert released.rollback("released", to="20260101.3").version == "20260101.3", "but a person may say so"


@pytest.mark.parametrize(
    ("to", "kind", "problem"),
    [
        ("20260101.3", UsageError, "released is at 20260101.3 already"),
        ("20260101.4", GateError, "20260101.4 was never in released"),
        ("20260101.2", GateError, "released cannot go back to 20260101.2: it was revoked by ann: it is bad"),
    ],
)
def test_a_rollback_to_a_version_that_will_not_do_is_refused(released, to, kind, problem):
    released.make("20260101.4")
    released.revoke("20260101.2")
    with pytest.raises(kind, match=problem):
        released.rollback("released", to=to)


def test_a_revoked_version_leaves_all_channels_and_consumers_get_no_bytes(released, tmp_path):
    image = released.image("20260101.3").id
    event = released.revoke("20260101.3", "CVE-2026-1")
    assert {one.channel: one.after for one in event.moves} == dict.fromkeys(
        ("dev", "candidate", "released"), "20260101.2"
    )
    found = released.catalog.get(image)
    assert (found.hidden, found.status) == (True, Status.DEACTIVATED)
    assert found.properties["goldsmith_revoked"] == "CVE-2026-1"
    assert not any(name.startswith("goldsmith_channel_") for name in found.properties)
    with pytest.raises(CatalogError, match="is deactivated, so its bytes are given to nobody"):
        released.catalog.download(image, tmp_path / "out")
    for again in (
        lambda: released.catalog.reactivate(image),
        lambda: released.catalog.update(image, Changes(hidden=False)),
    ):
        with pytest.raises(GateError, match="was revoked and stays so: CVE-2026-1"):
            again()
    with pytest.raises(UsageError, match="goldsmith_revoked says why the image was revoked"):
        released.catalog.update(image, Changes(unset_properties=frozenset({"goldsmith_revoked"})))
    with pytest.raises(UsageError, match="is revoked already, by ann"):
        released.revoke("20260101.3")


def test_revoking_the_last_good_version_leaves_a_channel_empty(released):
    for number in (1, 2, 3):
        released.revoke(f"20260101.{number}")
    assert released.holds == {}
    assert released.catalog.list(Query(properties={"goldsmith_channel_released": "r"}, hidden=True)) == ()


def test_a_released_image_is_protected_while_it_is_released_and_no_longer(released):
    assert released.image("20260101.3").protected
    assert not released.image("20260101.2").protected


def test_an_image_that_was_protected_before_stays_so(shop):
    shop.make("20260101.1", protected=True)
    for channel in ("candidate", "released"):
        shop.promote("", channel)
    shop.make("20260101.2")
    for channel in ("candidate", "released"):
        shop.promote("", channel)
    assert shop.image("20260101.1").protected


def test_a_channel_can_publish_what_enters_and_hide_what_leaves(shop):
    shop.channels = (
        DEV,
        ChannelPart(name="out", gates=Gates(), visibility="community", hide_left=True),
    )
    for number in (1, 2):
        shop.make(f"20260101.{number}")
        shop.promote("", "out")
    old, new = shop.image("20260101.1"), shop.image("20260101.2")
    assert (new.visibility, new.hidden) == ("community", False)
    assert (old.visibility, old.hidden) == ("community", True), (
        "it stays readable, for rebuilds of its servers"
    )
    shop.rollback("out")
    assert not shop.image("20260101.1").hidden
    assert not shop.image("20260101.2").hidden, "it is in dev still"
    shop.make("20260101.3")
    assert shop.image("20260101.2").hidden


def test_an_image_in_a_channel_cannot_be_deleted_or_deactivated_behind_its_back(released):
    image = released.image("20260101.3").id
    for work in (released.catalog.delete, released.catalog.deactivate):
        with pytest.raises(GateError, match="is in the channel candidate"):
            work(image)
    with pytest.raises(UsageError, match="goldsmith_channel_released says in which channel the image is"):
        released.catalog.update(image, Changes(unset_properties=frozenset({"goldsmith_channel_released"})))


def test_approvals_of_two_persons_who_do_not_promote_let_a_version_in(shop):
    wanted = Gates.model_validate({"order": False, "approvals": {"by": ["bob", "cem", "ann"]}})
    shop.channels = (DEV, replace_gates(CANDIDATE, wanted))
    shop.make("20260101.1")
    shop.approve("", "candidate", "ann")
    shop.approve("", "candidate", "bob")
    with pytest.raises(Refused, match=r"approvals: refused: 1 of 2: bob \(not counted: ann\)"):
        shop.promote("", "candidate", who="ann")
    assert shop.approve("", "candidate", "bob") is None, "the same name twice is one"
    with pytest.raises(GateError, match="eve is none of those whose approval counts"):
        shop.approve("", "candidate", "eve")
    shop.approve("", "candidate", "cem")
    assert shop.promote("", "candidate", who="ann").version == "20260101.1"


def test_an_approval_is_for_one_version(shop):
    shop.channels = (DEV, replace_gates(CANDIDATE, Gates.model_validate({"approvals": {"count": 1}})))
    shop.make("20260101.1")
    shop.approve("", "candidate", "bob")
    shop.make("20260101.2")
    with pytest.raises(Refused, match="approvals: refused: 0 of 1: nobody"):
        shop.promote("", "candidate")


def test_the_events_explain_the_state(released):
    released.rollback("released")
    released.revoke("20260101.3")
    desk = released.desk()
    assert state_of("r", desk.history("r")).holds == desk.facts("r").state.holds
    assert [one.number for one in desk.history("r")] == list(range(1, len(desk.history("r")) + 1))


def test_unknown_names_are_answered_with_the_known_ones(released):
    with pytest.raises(UsageError, match=r"there is no channel 'relased'\n  fix: .*dev, candidate, released"):
        released.promote("", "relased")
    with pytest.raises(CatalogError, match=r"has no version r@20260101\.9\n  fix: there are: 20260101\.3"):
        released.promote("20260101.9", "released")
    released.recipe = "x"
    with pytest.raises(UsageError, match="candidate has no version of x to promote"):
        released.promote("", "released")


def test_where_the_channel_before_is_empty_the_newest_version_that_will_do_is_named(shop):
    for version in ("20260101.9", "20260101.10"):
        shop.make(version, enter=False)
    with pytest.raises(
        UsageError, match=r"dev has no .*\n  fix: say one: goldsmith promote r@20260101\.10 --to cand"
    ):
        shop.promote("", "candidate")
    shop.revoke("20260101.10")
    with pytest.raises(UsageError, match=r"goldsmith promote r@20260101\.9 --to candidate"):
        shop.promote("", "candidate")
    shop.revoke("20260101.9")
    with pytest.raises(
        UsageError, match="all of its versions are revoked: mend the recipe, and build it again"
    ):
        shop.promote("", "candidate")


def replace_gates(channel, gates):
    return channel.model_copy(update={"gates": gates})


def test_the_channels_that_everybody_has_are_three():
    assert [one.name for one in CHANNELS] == ["dev", "candidate", "released"]
    assert RELEASED.gates.boot_test
