"""Which stages a recipe becomes, under which names, and what their keys hold."""

import re

import pytest

from goldsmith.compose import Where, build_machine
from goldsmith.errors import RecipeError
from goldsmith.guests import FAMILIES
from goldsmith.guests.writing import Rendered
from goldsmith.host.process import LocalHost
from goldsmith.plan.planner import make_plan
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.secrets import Vault
from goldsmith.stages.base import Base
from goldsmith.stages.medium import Source
from goldsmith.stages.table import Ingredients, stages_for

END = ["sysprep", "sparsify", "export", "audit", "seal", "register"]
KICKSTART = Rendered("text\n", (), {})
SSH, AGENT, OFFLINE = {}, {"via": "agent"}, {"via": "offline"}
JOINED = {"layer": False}


@pytest.fixture
def stages(tmp_path):
    def make(*steps, media=None, kickstart=KICKSTART, register=True, **more):
        media = media or {"iso": "x.iso"}
        more.setdefault("boot_test", {"enabled": False})
        recipe = Recipe.model_validate(
            {"name": "r", "family": "demo", "os": "debian11", "media": media, "customize": steps, **more}
        )
        given = Ingredients(
            recipe=recipe,
            family=FAMILIES[recipe.family],
            kickstart=kickstart,
            machine=build_machine(recipe, Where(None, tmp_path, "test:///default")),
            source=Source(recipe.media.kind, recipe.media.location, {"sha256": "d"}),
            vault=Vault(state=tmp_path, host=LocalHost()),
            secrets=(),
            sysprep_version="1.48",
            audit_checks="c",
            reused=lambda name: False,
            today=0.0,
        )
        return stages_for(given, register=register)

    return make


def run(name, **more):
    return {"name": name, "run": "true", **more}


def names(stages):
    return [stage.name for stage in stages]


def keys(stages):
    plan = make_plan("r", stages, has=lambda key: False, last={})
    return {step.stage.name: step.key for step in plan.steps}


def test_a_recipe_without_steps_is_installed_and_finished(stages):
    assert names(stages()) == ["fetch", "install", *END]
    assert names(stages(register=False)) == ["fetch", "install", *END[:-1]]


def test_the_image_is_booted_after_its_audit_unless_recipe_or_command_say_no(stages):
    booted = {
        "enabled": True,
        "checks": [{"run": "test -e /srv"}, {"name": "web", "run": "x", "expect": "^ok$"}],
    }
    made = stages(boot_test=booted)
    assert names(made)[-4:] == ["audit", "boot-test", "seal", "register"]
    stage = next(one for one in made if one.name == "boot-test")
    assert [(one.title, one.script, one.expect) for one in stage.own] == [
        ("boot_test.checks[1]", "test -e /srv", ""),
        ("web", "x", "^ok$"),
    ]
    assert stage.hardware.memory == 512 << 20
    assert "boot-test" not in names(stages())


def test_an_image_takes_the_place_of_the_installer(stages):
    made = stages(run("a"), media={"image": "base.qcow2"}, kickstart=None, disk={"size": "5 GiB"})
    assert names(made) == ["fetch", "base", "step-1-a", "withdraw", *END]
    base = made[1]
    assert isinstance(base, Base)
    assert base.inputs() == {"image": {"sha256": "d"}, "disk_size": 5 * 2**30}


def test_each_step_is_a_layer_and_neighbours_share_a_boot(stages):
    made = stages(run("a"), run("b", **AGENT), run("c", **OFFLINE), run("d"))
    assert [(one.name, one.group) for one in made[2:7]] == [
        ("step-1-a", "boot 1"),
        ("step-2-b", "boot 1"),
        ("step-3-c", ""),
        ("step-4-d", "boot 2"),
        ("withdraw", "boot 2"),
    ]


def test_nothing_has_to_be_withdrawn_where_nobody_went_in(stages):
    assert names(stages(run("a", **OFFLINE)))[2:] == ["step-1-a", *END]


def test_a_step_without_a_layer_of_its_own_shares_that_of_the_next(stages):
    made = stages(run("a"), run("b", **JOINED), run("c", **JOINED, **AGENT), run("d"), run("e"))
    assert names(made)[2:6] == ["step-1-a", "steps-2-4-d", "step-5-e", "withdraw"]
    shared = made[3]
    assert [one.step.title for one in shared.earlier] == ["b", "c"]
    assert shared.inputs()["earlier"] == [one.said for one in shared.earlier]


def test_the_last_step_can_share_the_layer_of_the_withdrawal(stages):
    made = stages(run("a"), run("b", **JOINED))
    assert names(made)[2:5] == ["step-1-a", "withdraw", "sysprep"]
    assert [one.step.title for one in made[3].earlier] == ["b"]
    assert {"earlier", "script"} == made[3].inputs().keys()


def test_offline_steps_can_share_one_launch(stages):
    made = stages(run("a", **OFFLINE, **JOINED), run("b", **OFFLINE))
    assert names(made)[2:] == ["steps-1-2-b", *END]
    assert [one.step.title for one in made[2].earlier] == ["a"]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([run("a", **JOINED), run("b", **OFFLINE)], "is done in another way (via)"),
        ([run("a", **OFFLINE, **JOINED), run("b")], "is done in another way (via)"),
        ([run("a"), run("b", **OFFLINE, **JOINED)], "does not exist"),
    ],
)
def test_a_layer_that_cannot_be_shared_is_refused(stages, steps, why):
    with pytest.raises(RecipeError, match=re.escape(why)) as error:
        stages(*steps)
    assert error.value.fix == "leave out layer: false"


def test_a_change_to_any_step_of_a_shared_layer_makes_it_and_what_follows_anew(stages):
    steps = [run("a"), run("b", **JOINED), run("c"), run("d")]
    before = keys(stages(*steps))
    steps[1] = {**steps[1], "run": "false"}
    after = keys(stages(*steps))
    assert [name for name in before if before[name] == after[name]] == ["fetch", "install", "step-1-a"]


def test_a_layer_of_one_step_says_nothing_of_sharing(stages):
    assert stages(run("a"))[2].inputs() == {
        "run": {"script": "true", "environment": {}, "allowed_exit_codes": [0]}
    }


def test_a_changed_last_step_leaves_all_before_it_cached(stages):
    before, after = keys(stages(run("a"), run("b"))), keys(stages(run("a"), {"name": "b", "run": "false"}))
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["step-2-b", "withdraw", *END]


@pytest.mark.parametrize(
    ("family", "least"), [("demo", 512), ("rhel6", 1024), ("rhel7", 1024), ("rhel9", 1536)]
)
def test_the_memory_that_is_promised_is_what_the_family_needs(stages, family, least):
    register = stages(family=family)[-1]
    assert register.min_ram == least
    assert stages(family=family, catalog={"min_ram": 4096})[-1].min_ram == 4096
