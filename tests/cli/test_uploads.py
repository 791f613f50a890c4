"""Files of the project that go into a guest: what the key of a layer says of them is what is in the layer."""

import json

import pytest

from goldsmith.plan.store import Store

FILE = "- {name: two, upload: {source: ../files/f, dest: /opt/f}, via: offline}\n"
WAYS = {
    "upload": FILE,
    "write": "- {name: two, write: {file: ../files/f, path: /opt/f}, via: offline}\n",
    "run": "- {name: two, run: {file: ../files/f}, via: offline}\n",
    "folder": "- {name: two, upload: {source: ../files, dest: /opt/app}, via: offline}\n",
}
# what virt-customize is given is noted as it is at that moment
SEEN = """
for word; do
    case "$word" in
        */f:*) cat "${word%%:*}" >> '%s' ;;
        */part-*) cat "${word%%:*}" >> '%s' ;;
        */files:*) cat "${word%%:*}/f" >> '%s' ;;
    esac
done
"""


@pytest.fixture
def project(factory):
    (factory.project / "files").mkdir()
    (factory.project / "files" / "f").write_text("good\n")
    return factory.project


def plan(factory):
    return {one["name"]: one["cached"] for one in json.loads(factory("plan", "r", "--json").out)["stages"]}


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_was_changed_during_a_build_makes_no_layer(factory, project, fake_tool, way):
    file, told = project / "files" / "f", project / "seen"
    change = f"case \"$*\" in *part-0*) [ -e '{told}.1' ] || echo evil > '{file}'; touch '{told}.1' ;; esac"
    fake_tool("virt-customize", change)
    factory.recipe("r", 'customize:\n- {name: one, run: "echo one", via: offline}\n' + WAYS[way])
    failed = factory("build", "r", "--no-register")
    assert failed.code == 3
    assert "recipes/r.yaml:" in failed.err
    assert "/files/f was changed while it was read" in failed.err or way == "folder"
    assert "was changed while it was read" in failed.err
    assert "fix: repeat the command" in failed.err
    assert [one.stage for one in Store(factory.state).entries() if "two" in one.stage] == []
    assert factory.left == []

    file.write_text("good\n")
    assert not plan(factory)["step-2-two"]
    fake_tool("virt-customize", SEEN.replace("%s", str(told)).replace("%%", "%"))
    assert factory("build", "r", "--no-register").code == 0
    assert "good" in told.read_text()
    assert "evil" not in told.read_text()


def test_a_link_that_leads_nowhere_has_its_place_in_the_recipe_and_is_seen_by_validate(factory, project):
    (project / "files" / "dang").symlink_to("nothing")
    factory.recipe("r", "customize:\n" + WAYS["folder"])
    for command in (("validate", "r"), ("plan", "r")):
        told = factory(*command)
        assert told.code == 2
        line = len((project / "recipes" / "r.yaml").read_text().splitlines())
        assert f"recipes/r.yaml:{line}:32: {project}/recipes/../files/dang cannot be read: No" in told.err


@pytest.mark.parametrize("named", ["whole", "included"])
def test_a_template_outside_the_project_is_not_read(factory, project, tmp_path, named):
    host = tmp_path / "host-file"
    host.write_text("root:x:0:0\n{% if %}\n")
    folder = project / "kickstarts"
    (folder / "inc.j2").symlink_to(host)
    (folder / "top.j2").write_text('text\n%post\n{% include "inc.j2" %}\n%end\n')
    name = "inc.j2" if named == "whole" else "top.j2"
    factory.recipe("r", f"install: {{kickstart: {name}}}\n")
    for command in (("validate", "r"), ("render", "r"), ("plan", "r")):
        told = factory(*command)
        assert told.code == 2
        assert f"the template inc.j2 is outside the project: {host}" in told.err
        assert "root:x" not in told.out + told.err
        assert f"kickstarts/{'inc.j2:1' if named == 'whole' else 'top.j2:3'}: " in told.err
