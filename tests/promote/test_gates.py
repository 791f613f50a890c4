"""Each gate alone: what it lets in, what it refuses, and what it says when it cannot know."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from goldsmith.promote.attach import attach
from goldsmith.promote.decide import verdicts
from goldsmith.recipe.promotion import CHANNELS, DEV, ChannelPart, Gates

from .shop import sbom


def channels(**gates):
    return (DEV, ChannelPart(name="next", gates=Gates.model_validate({"order": False, **gates})))


def ask(shop, version, *, days=0.0):
    """Return what the gates of ``next`` say of a version, some days from now, by their names."""
    facts = replace(shop.facts, now=datetime.now(UTC) + timedelta(days=days))
    found = verdicts(facts, facts.version(version), "next")
    return {one.gate: one for one in found}


def manifest(commit):
    document = {"build": "b1", "files": [], "seal": {"value": "c" * 64}, "recipe": {"commit": commit}}
    return json.dumps(document).encode()


def test_a_channel_asks_what_it_is_told_to_ask_and_two_things_always(shop):
    shop.channels = channels()
    shop.make("20260101.1")
    assert list(ask(shop, "20260101.1")) == ["not revoked", "whole"]
    assert list(ask_released(shop)) == ["not revoked", "whole", "order", "audit", "boot test"]


def ask_released(shop):
    shop.channels = CHANNELS
    return {one.gate: one for one in verdicts(shop.facts, shop.facts.version("20260101.1"), "released")}


@pytest.mark.parametrize(("days", "answer"), [(2, "refused"), (3.01, "passed")])
def test_the_age_is_the_time_in_the_channel_before(shop, days, answer):
    shop.channels = channels(age="3 d")
    shop.make("20260101.1")
    found = ask(shop, "20260101.1", days=days)["age"]
    assert found.answer == answer
    assert found.detail.startswith(f"{'48' if days == 2 else '72'} h")
    assert found.detail.endswith("in dev, 72 h wanted")


def test_a_little_too_early_is_not_shown_as_the_age_that_is_wanted(shop):
    shop.channels = channels(age="3 d")
    shop.make("20260101.1")
    found = ask(shop, "20260101.1", days=3 - 20 / 86400)["age"]
    assert found.answer == "refused"
    assert found.detail == "almost 72 h in dev, 72 h wanted"
    assert found.fix.startswith("try again in ")
    assert 5 <= int(found.fix.split()[3]) <= 21, "seconds, never none"


def test_an_age_does_not_count_while_a_version_was_out_of_the_channel(shop):
    shop.channels = channels(age="1 d")
    shop.make("20260101.1")
    shop.make("20260101.2")
    assert ask(shop, "20260101.1", days=5)["age"].answer == "refused"
    assert ask(shop, "20260101.2", days=5)["age"].answer == "passed"


def test_an_sbom_is_there_or_is_not(shop):
    shop.channels = channels(sbom=True)
    shop.make("20260101.1", evidence={})
    assert ask(shop, "20260101.1")["sbom"].answer == "unknown"
    shop.make("20260101.2", evidence={"sbom": sbom("bash=5.1-1", "kernel=5.14-1")})
    assert ask(shop, "20260101.2")["sbom"].detail.startswith("CycloneDX 1.6, 2 packages")
    shop.make("20260101.3", evidence={"sbom": sbom()})
    assert ask(shop, "20260101.3")["sbom"].answer == "refused", "a list of nothing is no list"


def test_a_signature_counts_when_whoever_verified_it_says_that_it_is_good(shop):
    shop.channels = channels(signature=True)
    (image,) = shop.make("20260101.1")
    assert ask(shop, "20260101.1")["signature"].answer == "unknown"
    for good, answer in ((True, "passed"), (False, "refused")):
        attach(shop.catalog, [image], "signature", b"{}", who="ann", verdict=(good, "RSA-PSS by CN=x"))
        assert ask(shop, "20260101.1")["signature"].answer == answer


@pytest.mark.parametrize(
    ("commit", "answer", "told"),
    [
        ("abc123", "passed", "commit abc123"),
        ("abc123-dirty", "refused", "its recipe had changes beside abc123-dirty"),
        (None, "refused", "its recipe is in no git repository"),
    ],
)
def test_a_recipe_comes_from_a_clean_commit(shop, commit, answer, told):
    shop.channels = channels(committed=True)
    shop.make("20260101.1", evidence={"manifest": manifest(commit)})
    found = ask(shop, "20260101.1")["committed"]
    assert (found.answer, found.detail) == (answer, told)


def test_without_a_manifest_nobody_knows_the_commit(shop):
    shop.channels = channels(committed=True)
    shop.make("20260101.1", evidence={})
    assert ask(shop, "20260101.1")["committed"].answer == "unknown"


@pytest.mark.parametrize(
    ("limit", "size", "answer"),
    [
        ({"percent": 10}, 1100, "passed"),
        ({"percent": 10}, 1101, "refused"),
        ({"percent": 10}, 500, "passed"),
        ({"size": "1 KiB"}, 2024, "passed"),
        ({"size": "1 KiB", "percent": 10}, 2024, "refused"),
    ],
)
def test_an_image_grows_within_its_limit_against_the_one_in_the_channel(shop, limit, size, answer):
    shop.channels = channels(size_growth=limit)
    shop.make("20260101.1", size=1000)
    assert ask(shop, "20260101.1")["size growth"].detail == "the channel has no image to compare with"
    shop.promote("", "next")
    shop.make("20260101.2", size=size)
    found = ask(shop, "20260101.2")["size growth"]
    assert found.answer == answer
    assert f"({(size - 1000) / 1000:+.1%})" in found.detail


def test_an_older_package_is_named(shop):
    shop.channels = channels(no_downgrade=True)
    shop.make("20260101.1", evidence={"sbom": sbom("bash=5.1-2", "kernel=5.14-9", "zlib=1-1")})
    shop.promote("", "next")
    shop.make("20260101.2", evidence={"sbom": sbom("bash=5.1-1", "kernel=5.14-10")})
    found = ask(shop, "20260101.2")["no downgrade"]
    assert (found.answer, found.detail) == ("refused", "bash 5.1-2 -> 5.1-1")
    shop.make("20260101.3", evidence={"sbom": sbom("bash=5.1-2", "kernel=5.14-10")})
    assert ask(shop, "20260101.3")["no downgrade"].answer == "passed"


@pytest.mark.parametrize("lacking", ["20260101.1", "20260101.2"])
def test_without_the_packages_of_both_a_downgrade_is_unknown(shop, lacking):
    shop.channels = channels()
    for number in ("20260101.1", "20260101.2"):
        shop.make(number, evidence={} if number == lacking else {"sbom": sbom("bash=1-1")})
    shop.promote("20260101.1", "next")
    shop.channels = channels(no_downgrade=True)
    found = ask(shop, "20260101.2")["no downgrade"]
    assert (found.answer, found.detail) == ("unknown", f"the packages of {lacking} are not known")
