from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from goldsmith.plan.planner import fingerprint, make_plan
from goldsmith.plan.reasons import noted_inputs
from goldsmith.plan.stage import Kind


@dataclass(frozen=True)
class Paint:
    colour: str = "red"
    name: str = "paint"
    kind: Kind = Kind.DISK
    version: int = 1
    group: str = ""

    def inputs(self) -> Mapping[str, str]:
        return {"colour": self.colour}

    def run(self, work, context) -> None:
        raise AssertionError("planning runs nothing")


DRY = Paint(name="dry", colour="")
BOX = Paint(name="fetch", kind=Kind.MEDIA)


def reasons(stages, store=(), last=None, forced=lambda name: ""):
    plan = make_plan("demo", stages, has=lambda key: key in store, last=last or {}, forced=forced)
    return [step.reason for step in plan.steps]


def keys(*stages):
    return [step.key for step in make_plan("demo", stages, has=lambda key: False, last={}).steps]


def test_an_empty_store_runs_everything_and_each_stage_follows_the_one_before():
    assert reasons([Paint(), DRY]) == ["not in the store", "follows paint"]


def test_nothing_runs_twice():
    assert reasons([Paint(), DRY], keys(Paint(), DRY)) == ["", ""]


def test_a_changed_input_is_named_with_both_values_and_pulls_the_later_stages_along():
    last = {"paint": {"colour": "red"}, "dry": {"colour": ""}}
    told = reasons([Paint("blue"), DRY], keys(Paint(), DRY), last)
    assert told == ['colour changed: "red" -> "blue"', "follows paint"]


def test_a_missing_layer_is_made_again_with_all_that_stands_on_it():
    assert reasons([Paint(), DRY], keys(Paint(), DRY)[1:]) == ["not in the store", "follows paint"]


def test_media_that_no_stage_will_read_need_not_be_there():
    assert reasons([BOX, Paint(), DRY], keys(BOX, Paint(), DRY)[1:]) == ["", "", ""]
    assert reasons([BOX, Paint(), DRY], keys(BOX, Paint(), DRY)[1:2]) == ["", "", "not in the store"]


def test_media_are_fetched_again_for_the_stage_that_reads_them():
    assert reasons([BOX, Paint()]) == ["not in the store", "follows fetch"]


@dataclass(frozen=True)
class Reader(Paint):
    reads_medium: bool = True


def test_media_are_fetched_again_for_a_later_stage_that_reads_what_was_noted_and_nothing_between_is_made_again():
    stages = [BOX, Paint(), DRY, Reader(name="seal")]
    made = keys(*stages)
    assert reasons(stages, made[1:3]) == ["not in the store", "", "", "not in the store"]
    assert reasons(stages, made[1:]) == ["", "", "", ""]


def test_a_stage_can_be_asked_to_run_again_though_it_is_in_the_store():
    told = reasons(
        [Paint(), DRY], keys(Paint(), DRY), forced=lambda name: "asked for" if name == "dry" else ""
    )
    assert told == ["", "asked for"]


def test_a_key_names_the_whole_history_the_stage_and_its_version():
    assert fingerprint(Paint("red"), ["p"]) != fingerprint(Paint("blue"), ["p"])
    assert fingerprint(Paint(), ["p"]) != fingerprint(Paint(), ["q"])
    assert fingerprint(Paint(), ["p"]) != fingerprint(Paint(version=2), ["p"])
    assert fingerprint(Paint(), ["p"]) == fingerprint(Paint(), ["p"])


def test_a_long_value_is_cut_in_a_reason():
    last = {"paint": {"colour": "x" * 500}}
    (told,) = reasons([Paint("blue")], (), last)
    assert len(told) < 120
    assert told.endswith('-> "blue"')


def test_of_a_digest_the_beginning_is_enough():
    (told,) = reasons([Paint("0ff1ce" * 10)], (), {"paint": {"colour": "c0ffee" * 10}})
    assert told == "colour changed: c0ffeec0ffee… -> 0ff1ce0ff1ce…"


@dataclass(frozen=True)
class Mixed:
    said: Mapping[str, object]
    version: int = 1
    name: str = "mixed"
    kind: Kind = Kind.DISK
    group: str = ""

    def inputs(self) -> Mapping[str, object]:
        return self.said

    def run(self, work, context) -> None:
        raise AssertionError("planning runs nothing")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            {"packages": {"install": ["vim"], "remove": []}},
            {"packages": {"install": ["vim", "nano"], "remove": []}},
            'packages.install changed: ["vim"] -> ["vim", "nano"]',
        ),
        (
            {"run": {"environment": {"TOKEN": "secret 0011223344556677"}}},
            {"run": {"environment": {"TOKEN": "secret 8899aabbccddeeff"}}},
            'run.environment.TOKEN changed: "secret 0011223344556677" -> "secret 8899aabbccddeeff"',
        ),
        ({"a": 1}, {"b": True}, "a changed: 1 -> null; b changed: null -> true"),
    ],
)
def test_of_what_is_nested_the_values_that_changed_are_told(old, new, told):
    assert reasons([Mixed(new)], (), {"mixed": old}) == [told]


def test_of_long_texts_the_part_that_differs_is_told():
    old, new = "echo a\n" * 40 + "one" + "\necho b" * 40, "echo a\n" * 40 + "two" + "\necho b" * 40
    (told,) = reasons([Mixed({"run": new})], (), {"mixed": {"run": old}})
    assert "one" in told.partition(" -> ")[0]
    assert "two" in told.partition(" -> ")[2]
    assert len(told) < 150


def test_a_stage_that_works_in_another_way_since_is_told():
    last = {"mixed": noted_inputs(Mixed({}, version=1))}
    assert reasons([Mixed({}, version=2)], (), last) == ["version of the stage changed: 1 -> 2"]
    assert reasons([Mixed({}, version=2)], (), {"mixed": {}}) == ["not in the store"]
