"""Which stages a recipe for Windows becomes, and what their keys hold."""

import pytest

from goldsmith.compose import Where, build_machine, load, windows_answers
from goldsmith.guests import FAMILIES
from goldsmith.guests.watch import Limits
from goldsmith.host.process import LocalHost
from goldsmith.plan.planner import make_plan
from goldsmith.recipe.secrets import Vault
from goldsmith.stages.medium import Source
from goldsmith.stages.table import Ingredients, stages_for

HEAD = "name: w\nfamily: windows\nmedia: {iso: x.iso}\n"
END = ["sparsify", "export", "audit", "boot-test", "seal", "register"]


@pytest.fixture
def stages(tmp_path):
    def make(text="os: win2k22\n", drivers="d"):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / "w.yaml").write_text(HEAD + text)
        where = Where(tmp_path, tmp_path / "state", "test:///default")
        recipe = load("w", where, {})
        vault = Vault(state=tmp_path / "state", host=LocalHost())
        given = Ingredients(
            recipe=recipe,
            family=FAMILIES["windows"],
            kickstart=None,
            machine=build_machine(recipe, where),
            source=Source("iso", "x.iso", {"sha256": "w"}),
            vault=vault,
            secrets=(),
            sysprep_version="1.48",
            audit_checks="c",
            reused=lambda name: False,
            today=0.0,
            answers=windows_answers(recipe, where, vault),
            further={"drivers": Source("file", "v.iso", {"sha256": drivers})},
        )
        return stages_for(given)

    return make


def keys(stages):
    return {one.stage.name: one.key for one in make_plan("w", stages, has=lambda key: False, last={}).steps}


def properties(stages):
    return stages[-1].properties


def test_updates_steps_and_sysprep_share_one_boot(stages):
    made = stages(
        "os: win2k22\nwindows: {update_rounds: 3}\ncustomize:\n- {name: a, run: x}\n- {name: b, run: y}\n"
    )
    assert [one.name for one in made] == [
        *("fetch", "install", "updates", "step-1-a", "step-2-b", "sysprep"),
        *END,
    ]
    assert {one.group for one in made[2:6]} == {"boot 1"}
    assert [one.name for one in made if one.group == "finish"] == ["export", "audit"]
    assert {one.group for one in (made[0], made[1], *made[6:]) if one.group != "finish"} == {""}


@pytest.mark.parametrize(
    ("said", "reads"),
    [
        ("", "updates as of 1970-01-01"),
        (", update_refresh: always", "updates as of 1970-01-01T00:00:00.000Z"),
        (", update_refresh: never", None),
    ],
)
def test_updates_are_in_the_key_with_their_day(stages, said, reads):
    made = stages(f"os: win2k22\nwindows: {{update_rounds: 3{said}}}\n")
    assert made[2].inputs() == {"rounds": 3, **({"refresh": reads} if reads else {})}


def test_a_recipe_without_steps_is_installed_and_generalized(stages):
    assert [one.name for one in stages()] == ["fetch", "install", "sysprep", *END]


def test_steps_can_share_a_layer_with_the_next(stages):
    made = stages(
        "os: win2k22\ncustomize:\n- {name: a, run: x, layer: false}\n- {name: b, run: y}\n"
        "- {name: c, run: z, layer: false}\n"
    )
    assert [one.name for one in made[2:5]] == ["steps-1-2-b", "step-3-c", "sysprep"]


def test_other_drivers_and_another_key_are_another_installation(stages):
    plain, drivers = keys(stages()), keys(stages(drivers="other"))
    key = keys(stages("os: win2k22\nwindows: {product_key: none}\n"))
    assert plain == keys(stages())
    assert drivers["fetch"] != plain["fetch"]
    assert key["fetch"] == plain["fetch"]
    assert key["install"] != plain["install"]


def test_the_catalog_says_what_nova_needs_for_windows(stages):
    found = properties(stages("os: win2k12r2\n"))
    wanted = {
        "os_type": "windows",
        "os_distro": "windows",
        "os_version": "2012 R2",
        "os_admin_user": "Admin",
        "os_shutdown_timeout": "300",
        "hw_machine_type": "q35",
        "hw_firmware_type": "bios",
        "hw_disk_bus": "virtio",
        "hw_vif_model": "virtio",
    }
    assert wanted.items() <= found.items()
    assert not {"hw_tpm_model", "os_secure_boot"} & found.keys()


def test_the_catalog_says_how_much_memory_this_windows_needs(stages):
    assert [stages(f"os: {one}\n")[-1].least_ram for one in ("win2k12r2", "win2k22")] == [1024, 2048]


def test_windows_11_has_its_tpm_and_secure_boot_unless_they_are_bypassed(stages):
    head = "os: win11\nmachine: {firmware: uefi}\n"
    assert {"hw_tpm_version": "2.0", "os_secure_boot": "required"}.items() <= properties(stages(head)).items()
    made = stages(head + "windows: {requirements: bypass}\n")
    assert not {"hw_tpm_model", "os_secure_boot"} & properties(made).keys()
    assert (made[1].tpm, stages(head)[1].tpm) == (False, True)


def test_every_clock_of_the_recipe_is_the_installs(stages):
    def limits(text):
        return stages(f"os: win2k22\nmachine: {{timeouts: {{{text}}}}}\n")[1].limits

    said = limits("install: 9 min, silence: 8 min, phase: 7 min, disk: 6 min")
    assert said == Limits(total=540, silence=480, phase=420, disk=360)
    assert limits("").disk == 600
    assert limits("").times(2).disk == 1200
