"""From a recipe to its stages: names in order, keys that change with what changes the disk, and with nothing else."""

import shutil
from pathlib import Path

import pytest

from goldsmith.compose import Where, compose, network, secrets_of
from goldsmith.errors import RecipeError, RecipeErrors
from goldsmith.plan.planner import make_plan

TOP = Path(__file__).parents[1]
TEXT = """\
name: r
family: demo
media: {tree: TREE}
customize:
  - {name: one, run: "true"}
  - {name: two, run: "true", via: offline}
  - {name: three, run: {script: "true", environment: {T: !secret env:TOKEN}}}
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Compose a recipe of this text, changed as told."""
    project, tree = tmp_path / "project", tmp_path / "tree"
    (project / "recipes").mkdir(parents=True)
    shutil.copytree(TOP / "kickstarts", project / "kickstarts")
    (tree / "images").mkdir(parents=True)
    (tree / ".treeinfo").write_text("[general]\nfamily = x\n")
    monkeypatch.setenv("TOKEN", "hunter2-hunter2")
    monkeypatch.chdir(project)

    def made(*changes, text=TEXT, **options):
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (project / "recipes" / "r.yaml").write_text(text.replace("TREE", str(tree)))
        where = Where(project, tmp_path / "state", "qemu:///system")
        return compose("r", where, values=options.pop("values", {}), **options)

    return made


def keys(composed):
    plan = make_plan("r", composed.stages, has=lambda key: False, last={})
    return {step.stage.name: step.key for step in plan.steps}


def changed(before, after):
    one, other = keys(before), [*keys(after).values()]
    return next((name for at, name in enumerate(one) if [*one.values()][at] != other[at]), "")


def test_each_step_is_a_stage_and_neighbours_in_the_running_guest_share_a_boot(make):
    composed = make()
    assert [one.name for one in composed.stages] == [
        *("fetch", "install", "step-1-one", "step-2-two", "step-3-three", "withdraw"),
        *("sysprep", "sparsify", "export", "audit", "seal", "register"),
    ]
    groups = {one.name: one.group for one in composed.stages}
    assert groups["step-1-one"] != groups["step-3-three"] == groups["withdraw"] != ""
    assert groups["step-2-two"] == groups["install"] == ""


def test_steps_without_a_running_guest_need_no_withdrawal(make):
    text = TEXT.replace('run: "true"}', 'run: "true", via: offline}').partition("  - {name: three")[0]
    assert "withdraw" not in [one.name for one in make(text=text).stages]


def test_without_registering_the_last_stage_is_the_seal(make):
    assert make(register=False).stages[-1].name == "seal"


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        ("name: one", "name: uno", "seal"),
        ("family: demo\n", "family: demo\nsummary: other\n", "seal"),
        ("family: demo\n", "family: demo\ncatalog: {tags: [x]}\n", "seal"),
        ("family: demo\n", "family: demo\ndisk: {size: 9 GiB}\n", "install"),
        ("family: demo\n", "family: demo\ninstall: {timezone: Europe/Berlin}\n", "install"),
        ("family: demo\n", "family: demo\nsysprep: {disable: [tmp-files]}\n", "sysprep"),
        ("family: demo\n", "family: demo\nexport: [{format: raw, compression: none}]\n", "export"),
        ("family: demo\n", "family: demo\naudit: {profile: generic-linux}\n", "audit"),
        ("family: demo\n", "family: demo\nmachine: {timeouts: {install: 99 min}}\n", "seal"),
        ("# nothing", "", ""),
    ],
)
def test_a_change_reaches_the_first_stage_that_it_can_change(make, old, new, first):
    text = TEXT + "# nothing\n"
    assert changed(make(text=text), make((old, new), text=text)) == first


def test_the_value_of_a_secret_is_in_the_keys_and_nowhere_else(make, monkeypatch):
    before = make()
    assert "hunter2" not in str([one.inputs() for one in before.stages])
    monkeypatch.setenv("TOKEN", "another-secret")
    assert changed(before, make()) == "step-3-three"


def test_a_secret_in_the_kickstart_changes_the_key_of_the_install_but_is_not_in_its_text(make, monkeypatch):
    file = Path("kickstarts/own.ks.j2")
    file.write_text(Path("kickstarts/demo.ks.j2").read_text().replace(
        "rootpw --lock", "rootpw --plaintext {{ variables.password }}"
    ))  # fmt: skip
    own = "install: {kickstart: own.ks.j2, variables: {password: !secret env:TOKEN}}\n"
    before = make(("family: demo\n", f"family: demo\n{own}"))
    assert "hunter2" not in before.kickstart.text
    assert "rootpw --plaintext hunter2-hunter2" in before.kickstart.reveal()
    assert before.vault.redactor("it is hunter2-hunter2") == "it is ********"
    monkeypatch.setenv("TOKEN", "another-secret")
    assert changed(before, make()) == "install"


def test_a_secret_that_is_not_there_is_told_with_its_place(make, monkeypatch):
    monkeypatch.delenv("TOKEN")
    with pytest.raises(RecipeError, match=r"recipes/r\.yaml:7:\d+: the secret env:TOKEN is not set"):
        make()


def test_each_secret_is_found_once_wherever_it_is(make):
    text = TEXT + "  - {write: {path: /a, content: !secret env:TOKEN}}\n"
    assert [one.reference for one in secrets_of(make(text=text).recipe)] == ["env:TOKEN"]


def test_all_problems_are_told_at_once(make):
    with pytest.raises(RecipeErrors) as caught:
        make(("family: demo\n", "family: demo\nfrob: 1\ndisk: {size: big}\n"))
    assert [one.at.line for one in caught.value.problems] == [3, 4]


@pytest.mark.parametrize(
    ("wanted", "uri", "is_"),
    [
        ("auto", "qemu:///system", "network=goldsmith"),
        ("default", "qemu:///system", "network=default"),
        ("auto", "qemu:///session", "user"),
        ("user", "qemu:///system", "user"),
        ("lab", "qemu:///session", "network=lab"),
        ("bridge:br0", "qemu:///system", "bridge=br0"),
    ],
)
def test_the_network_follows_from_the_recipe_and_from_whose_libvirt_it_is(wanted, uri, is_):
    assert network(wanted, uri) == is_


def test_a_registration_without_its_secrets_is_told_with_both_ways_out(make, monkeypatch):
    for name in ("RHSM_ORG", "RHSM_KEY"):
        monkeypatch.delenv(name, raising=False)
    text = "name: r\nextends: rhel7\nmedia: {tree: TREE}\n"
    with pytest.raises(RecipeErrors) as caught:
        make(text=text)
    first, second = (one.text() for one in caught.value.problems)
    assert "recipes/rhel7.yaml:21:" in first
    assert "the secret env:RHSM_ORG is not set" in first
    assert "export RHSM_ORG=... to register the guest while it is built; or build from the medium" in first
    assert 'SET="content=medium"' in first
    assert "the secret env:RHSM_KEY is not set" in second
    assert make(text=text, values={"content": "medium"}).kickstart


def test_an_image_is_not_installed_so_nothing_of_its_parents_registration_is_asked_for(make, tmp_path):
    image = tmp_path / "base.qcow2"
    image.write_bytes(b"QFI\xfb" + bytes(600))
    text = f"name: r\nextends: rhel7\nmedia: {{image: {image}}}\ncustomize: []\n"
    assert make(text=text).kickstart is None
