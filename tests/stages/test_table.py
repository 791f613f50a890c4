"""Which stages a recipe becomes, under which names, and what their keys hold."""

import re

import pytest

from goldsmith.compose import Where, build_machine
from goldsmith.errors import RecipeError
from goldsmith.guests import FAMILIES
from goldsmith.guests.writing import Rendered
from goldsmith.host.process import LocalHost
from goldsmith.plan.freshness import good_until, outdated
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
    def make(*steps, media=None, kickstart=KICKSTART, register=True, today=0.0, ingredients=None, **more):
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
            today=today,
            **(ingredients or {}),
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
    machine = {"family": "demo", "machine": "q35", "firmware": "bios", "bus": "virtio"}
    assert base.inputs() == {"image": {"sha256": "d"}, **machine, "disk_size": 5 * 2**30}


def test_steps_that_another_machine_has_done_on_an_image_are_done_anew(stages):
    image = {"media": {"image": "base.qcow2"}, "kickstart": None}
    first = keys(stages(run("a"), disk={"size": "5 GiB"}, **image))
    for machine in ({"disk": {"size": "5 GiB", "bus": "scsi"}}, {"machine": {"firmware": "uefi"}}):
        other = keys(stages(run("a"), **{"disk": {"size": "5 GiB"}, **machine}, **image))
        assert other["step-1-a"] != first["step-1-a"]


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


NOON = 1_769_860_800.0  # 2026-01-31 12:00 UTC
DAY = 86_400.0
VIM = {"packages": {"install": ["vim"]}}


class Stored:
    """What a store tells of a chain of stages that was built."""

    def __init__(self, *chains):
        self.known = {key for chain in chains for key in keys(chain).values()}
        self.noted = [(one.name, one.inputs().get("refresh")) for chain in chains for one in chain]

    def ingredients(self, **more):
        return {
            "has": self.known.__contains__,
            "dates": lambda name: [date for stage, date in self.noted if stage == name and date],
            **more,
        }


def dates(made):
    return {one.name: one.inputs()["refresh"] for one in made if "refresh" in one.inputs()}


def rebuilt(made, store):
    return [name for name, key in keys(made).items() if key not in store.known]


@pytest.mark.parametrize(
    ("step", "after", "anew"),
    [
        (VIM, 6 * DAY, False),
        (VIM, 7 * DAY, True),
        ({"packages": {"update": "all"}}, 7 * DAY, True),
        ({"packages": {"remove": ["vim"]}}, 900 * DAY, False),
        ({"run": "true"}, 900 * DAY, False),
        ({"run": "true", "refresh": "weekly"}, 7 * DAY, True),
        ({"run": "true", "refresh": "daily"}, DAY / 3, False),
        ({"run": "true", "refresh": "daily"}, DAY, True),
        ({**VIM, "refresh": "never"}, 900 * DAY, False),
        ({**VIM, "refresh": "always"}, 1.0, True),
        ({**VIM, "via": "offline"}, 7 * DAY, True),
    ],
)
def test_what_reads_the_outside_world_is_made_anew_after_a_week_or_as_the_step_says(
    stages, step, after, anew
):
    store = Stored(stages(step, run("b"), today=NOON))
    later = stages(step, run("b"), today=NOON + after, ingredients=store.ingredients())
    assert bool(rebuilt(later, store)) == anew
    assert all(re.fullmatch(r"\w+ as of 2026-0[12]-\d\d(T.*Z)?", one) for one in dates(later).values())


def test_a_step_without_a_layer_of_its_own_is_as_old_as_its_layer_may_be(stages):
    steps = ({**VIM, **JOINED, "refresh": "daily"}, {"packages": {"update": "all"}, "name": "all"})
    store = Stored(stages(*steps, today=NOON))
    assert dates(stages(*steps, today=NOON)) == {"steps-1-2-all": "packages, all as of 2026-01-31"}
    assert not rebuilt(stages(*steps, today=NOON, ingredients=store.ingredients()), store)
    assert (
        rebuilt(stages(*steps, today=NOON + DAY, ingredients=store.ingredients()), store)[0]
        == "steps-1-2-all"
    )


def test_the_newest_that_is_fresh_is_taken_and_only_of_the_same_history(stages):
    old, new = stages(VIM, today=NOON), stages(VIM, today=NOON + 3 * DAY)
    store = Stored(old, new, stages(VIM, today=NOON + 4 * DAY, disk={"size": "9 GiB"}))
    found = stages(VIM, today=NOON + 5 * DAY, ingredients=store.ingredients())
    assert dates(found) == {"step-1-packages": "packages as of 2026-02-03"}
    past = stages(VIM, today=NOON - DAY, ingredients=store.ingredients())  # a clock that went back
    assert dates(past) == {"step-1-packages": "packages as of 2026-01-30"}


def test_what_is_made_anew_in_any_case_has_the_date_of_today(stages):
    store = Stored(stages(run("a"), VIM, today=NOON))
    for start, day in (("fetch", "02-01"), ("step-1-a", "02-01"), ("sysprep", "01-31")):
        given = store.ingredients(anew_from=start)
        assert dates(stages(run("a"), VIM, today=NOON + DAY, ingredients=given)) == {
            "step-2-packages": f"packages as of 2026-{day}"
        }


def test_a_nightly_build_reads_again_what_is_not_for_ever(stages):
    steps = (VIM, run("b"), {**VIM, "refresh": "never"})
    store = Stored(stages(*steps, today=NOON))
    given = store.ingredients(refresh=True)
    assert dates(stages(*steps, today=NOON + 1.5, ingredients=given)) == {
        "step-1-packages": "packages as of 2026-01-31T12:00:01.500Z"
    }


def test_an_install_from_elsewhere_than_the_medium_is_made_anew_after_a_week(stages):
    repos = {"repos": [{"name": "extra", "baseurl": "http://mirror.example.com/x"}]}
    store = Stored(stages(install=repos, today=NOON))
    assert not rebuilt(stages(install=repos, today=NOON + 6 * DAY, ingredients=store.ingredients()), store)
    later = stages(install=repos, today=NOON + 7 * DAY, ingredients=store.ingredients())
    assert rebuilt(later, store)[0] == "install"
    assert dates(later) == {"install": "packages as of 2026-02-07"}
    assert not dates(stages(install={**repos, "content": {"refresh": "never"}}, today=NOON))
    assert not dates(stages(today=NOON))


@pytest.mark.parametrize(
    ("after", "given", "told"),
    [
        (8 * DAY, {}, "packages as of 2026-01-31, older than a week"),
        (3600.0, {"refresh": True}, "packages as of 2026-01-31, to be read again"),
    ],
)
def test_the_plan_names_the_age_of_what_is_too_old(stages, after, given, told):
    first = stages(run("a"), VIM, today=NOON)
    store = Stored(first)
    last = {one.name: one.inputs() for one in first}
    later = stages(run("a"), VIM, today=NOON + after, ingredients=store.ingredients(**given))
    plan = make_plan("r", later, has=store.known.__contains__, last=last, older=outdated)
    reasons = {step.stage.name: step.reason for step in plan.steps}
    assert reasons["step-1-a"] == ""
    assert reasons["step-2-packages"] == told
    assert reasons["withdraw"] == "follows step-2-packages"


def test_a_stage_that_only_follows_is_not_told_to_be_old(stages):
    first = stages(run("a"), VIM, today=NOON)
    last = {one.name: one.inputs() for one in first}
    store = Stored(first)
    later = stages({"run": "false", "name": "a"}, VIM, today=NOON + DAY, ingredients=store.ingredients())
    plan = make_plan("r", later, has=store.known.__contains__, last=last, older=outdated)
    reasons = {step.stage.name: step.reason for step in plan.steps}
    assert reasons["step-1-a"] == 'run.script changed: "true" -> "false"'
    assert reasons["step-2-packages"] == "follows step-1-a"


def test_until_when_a_result_is_taken_can_be_told(stages):
    made = {one.name: one for one in stages(VIM, {**VIM, "refresh": "always"}, run("c"), today=NOON)}
    assert good_until(made["step-1-packages"]) == "2026-02-06"
    assert good_until(made["step-2-packages"]) == ""
    assert good_until(made["step-3-c"]) == ""
