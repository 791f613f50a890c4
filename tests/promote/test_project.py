"""Channels, gates and retention as goldsmith.yaml says them."""

import pytest

from goldsmith.errors import RecipeError
from goldsmith.recipe.project import Project, load_project
from goldsmith.recipe.promotion import CHANNELS

OWN = """\
channels:
  - name: nightly
  - name: tested
    gates: {audit: true, age: 12 h, size_growth: {percent: 10}}
  - name: stable
    visibility: community
    protected: true
    hide_left: true
    gates:
      approvals: {count: 1, by: [ann, bob], not_the_promoter: false}
retention: {keep: 2, keep_days: 14, keep_released: 3, grace: 3 d}
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "goldsmith.yaml").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return load_project(tmp_path)


def test_channels_have_an_order_gates_and_what_they_do_to_images(own):
    assert [one.name for one in own.channels] == ["nightly", "tested", "stable"]
    assert own.channels[1].gates.age == 12 * 3600
    assert own.channels[2].gates.approvals.by == ("ann", "bob")
    assert own.retention.grace == 3 * 86400


def test_without_a_word_there_are_the_three_channels(tmp_path):
    assert load_project(tmp_path).channels == Project().channels == CHANNELS


def test_commands_use_the_channels_of_the_project(own, shop, call):
    shop.channels = own.channels
    shop.make("20260101.1")
    assert shop.holds == {"nightly": "20260101.1"}
    code, out, _ = call("promote", "r", "--to", "tested")
    assert code == 5
    assert "age" in out
    assert call("promote", "r", "--to", "tested", "--force", "--reason", "x")[0] == 0
    assert call("promote", "r", "--to", "stable")[0] == 5
    assert call("approve", "r", "--to", "stable", "--as", "eve")[0] == 5
    assert call("approve", "r", "--to", "stable", "--as", "ann")[0] == 0
    assert call("promote", "r", "--to", "stable")[0] == 0
    assert shop.image("20260101.1").visibility == "community"
    assert call("promote", "r", "--to", "released")[0] == 2


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("channels: []\n", "1:11", "there is no channel"),
        ("channels:\n  - name: a\n  - name: a\n", "2:3", "the channel a is given twice"),
        ("channels:\n  - name: Dev\n", "2:11", "cannot be Dev"),
        ("channels:\n  - name: a\n    gates: {audti: true}\n", "3:13", "did you mean audit"),
        ("channels:\n  - name: a\n    gates: {age: 3 days}\n", "3:18", "write 3 d"),
        ("channels:\n  - name: a\n    gates: {size_growth: {}}\n", "3:26", "size_growth says no limit"),
        ("channels:\n  - name: a\n    visibility: secret\n", "3:17", "private, public, shared, community"),
        ("retention: {grace: 7}\n", "1:20", "7 has no unit"),
        ("retention: {keep_released: 0}\n", "1:28", "cannot be 0"),
    ],
)
def test_a_bad_section_is_pointed_at(tmp_path, text, place, problem):
    (tmp_path / "goldsmith.yaml").write_text(text)
    with pytest.raises(RecipeError) as refused:
        load_project(tmp_path)
    assert f"goldsmith.yaml:{place}: " in str(refused.value)
    assert problem in str(refused.value)
