from pathlib import Path

import pytest

from goldsmith.errors import RecipeError, RecipeErrors
from goldsmith.recipe.confine import project_of
from goldsmith.recipe.secrets import Secret

GOOD = "name: r\nfamily: small\n"


def told(caught):
    error = caught.value
    return [one.text() for one in (error.problems if isinstance(error, RecipeErrors) else [error])]


def test_a_short_recipe_takes_the_rest_from_its_family(load):
    recipe = load(GOOD)
    assert recipe.media.iso == "installer"
    assert recipe.machine.memory == 2**30
    assert recipe.machine.timeouts.install == 900
    assert recipe.machine.timeouts.silence == 900
    assert recipe.install.packages == ("@core",)
    assert recipe.entry_name("7") == "r-7"


def test_sizes_and_times_are_bytes_and_seconds(load):
    recipe = load(
        GOOD + "machine: {memory: 1.5 GiB, timeouts: {boot: 90 s, step: 2 h}}\ndisk: {size: 512MiB}\n"
    )
    assert recipe.machine.memory == 3 * 2**29
    assert (recipe.machine.timeouts.boot, recipe.machine.timeouts.step) == (90, 7200)
    assert recipe.disk.size == 2**29


def test_another_medium_takes_the_place_of_the_familys(load):
    media = load(GOOD + "media: {image: base.qcow2}\n").media
    assert (media.kind, media.location) == ("image", "base.qcow2")


def test_all_problems_are_told_at_once_with_their_places(load):
    with pytest.raises(RecipeErrors) as caught:
        load(
            GOOD
            + "medai: x\ndisk: {size: 8 GB}\nmachine: {memory: 8}\ncatalog: {properties: {os_version: 7.10, a: 0644}}\n"
        )
    lines = [line.rpartition("/")[2] for text in told(caught) for line in text.splitlines()]
    assert lines == [
        "r.yaml:3:1: medai is not a key that is known here",
        "  fix: did you mean media?",
        "r.yaml:4:14: disk.size: GB is no unit of size here",
        "  fix: write 8 GiB",
        "r.yaml:5:19: machine.memory: 8 has no unit",
        "  fix: write 8 with one of KiB, MiB, GiB, TiB, such as 8 GiB",
        "r.yaml:6:36: catalog.properties.os_version wants text, and here is 7.10",
        '  fix: quote it: "7.10"',
        "r.yaml:6:45: 0644 begins with 0: some read it as octal, some as decimal",
        '  fix: quote it: "0644"',
    ]  # fmt: skip


def test_a_recipe_changes_what_it_extends_and_no_more(load):
    recipe = load(
        "name: r\nextends: parent\ndisk: {bus: scsi}\ninstall: {packages: {append: [b]}}\n"
        "export: [{format: raw, compression: none}]\n",
        parent="name: parent\nfamily: small\ndisk: {size: 5 GiB}\nexport: [{format: qcow2}]\n"
        "install: {packages: {append: [a]}, timezone: CET}\n",
    )
    assert (recipe.name, recipe.disk.size, recipe.disk.bus) == ("r", 5 * 2**30, "scsi")
    assert recipe.install.packages == ("@core", "a", "b")
    assert recipe.install.timezone == "CET"
    assert [one.format for one in recipe.export] == ["raw"]
    assert [path.stem for path in recipe.sources] == ["r", "parent"]


def test_an_error_in_a_parent_points_into_the_parents_file(load):
    with pytest.raises(RecipeError, match=r"parent\.yaml:3:14: disk\.size: 5 has no unit"):
        load("name: r\nextends: parent\n", parent="name: parent\nfamily: small\ndisk: {size: 5}\n")


def test_a_circle_of_parents_is_shown(load):
    with pytest.raises(RecipeError, match="in a circle: r -> a -> r"):
        load("name: r\nextends: a\n", a="name: a\nextends: r\n")
    with pytest.raises(RecipeError, match="cannot extend itself"):
        load("name: r\nextends: r\n")


@pytest.mark.parametrize("name", ["a\\tb", "a\\e[1mb", "a\\nb"])
def test_a_parent_has_no_control_character_in_its_name(load, name):
    with pytest.raises(RecipeError, match=r"r\.yaml:2:10: extends holds a control character"):
        load(f'name: r\nextends: "{name}"\n')


def test_a_text_cannot_become_what_no_text_can_hold(load):
    with pytest.raises(RecipeError, match=r"r\.yaml:3:10: the text gives a character that no text can hold"):
        load(GOOD + """summary: '{{ "a\\0b" }}'\n""")
    with pytest.raises(RecipeError, match=r"r\.yaml:3:10: the text gives a character that no text can hold"):
        load(GOOD + "summary: '{{ who }}'\n", {"who": "\udcff"})


def test_an_unknown_parent_is_named_with_the_nearest(load):
    with pytest.raises(
        RecipeError, match=r"there is no recipe 'rhel77' to extend\n  fix: did you mean rhel7\?"
    ):
        load("name: r\nextends: rhel77\n", rhel7=GOOD)


def test_an_unknown_family_is_named_with_the_nearest_and_nothing_it_would_have_given_is_missed(load):
    with pytest.raises(RecipeError) as caught:
        load("name: r\nfamily: smal\n")
    assert [text.rpartition("/")[2] for text in told(caught)] == [
        "r.yaml:2:9: there is no guest family smal\n  fix: did you mean small?"
    ]


def test_variables_are_filled_in_and_keep_the_type_of_an_expression(load):
    recipe = load(
        GOOD + 'summary: "for {{ who }}"\nmachine: {vcpus: "{{ n | int }}"}\n'
        'media: {iso: "{{ iso }}", sha256: "{{ iso_sha256 | default(none) }}"}\n',
        {"who": "you", "n": "4", "iso": "/x.iso"},
    )
    assert (recipe.summary, recipe.machine.vcpus) == ("for you", 4)
    assert (recipe.media.iso, recipe.media.sha256) == ("/x.iso", None)


def test_a_missing_medium_says_where_it_is_obtained(load):
    with pytest.raises(RecipeError) as caught:
        load('name: r\nfamily: bought\nmedia: {iso: "{{ iso }}"}\n')
    assert caught.value.exit_code == 2
    assert told(caught)[0].rpartition("/")[2] == (
        "r.yaml:3:14: there is no installation medium: iso is not given\n"
        "  fix: pass --iso PATH; download it from access.redhat.com"
    )


def test_a_missing_variable_says_how_it_is_given(load):
    with pytest.raises(
        RecipeError, match=r"r\.yaml:3:10: colour is not given\n  fix: pass --set colour=VALUE"
    ):
        load(GOOD + 'summary: "{{ colour }}"\n')


def test_a_value_that_nothing_uses_is_told(load):
    with pytest.raises(RecipeError, match=r"uses the value 'izo'.*\n  fix: did you mean iso\?"):
        load(GOOD + 'media: {iso: "{{ iso }}"}\n', {"iso": "x", "izo": "y"})


def test_the_version_waits_for_the_build_in_the_catalog_and_is_unknown_elsewhere(load):
    recipe = load(GOOD + 'catalog: {name: "a-{{ version }}", properties: {v: "{{ version }}"}}\n')
    assert recipe.entry_name("20240101") == "a-20240101"
    assert recipe.versioned(recipe.catalog.properties["v"], "3") == "3"
    with pytest.raises(RecipeError, match=r"version is not given.*\n.*known in catalog: only"):
        load(GOOD + 'summary: "{{ version }}"\n')


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ 1 +",
        "{% for %}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a' * 9999999999 }}",
    ],
)
def test_a_recipe_cannot_run_python(load, text):
    with pytest.raises(RecipeError, match=r"r\.yaml:3:10"):
        load(GOOD + f'summary: "{text}"\n')


def test_files_are_looked_for_beside_the_recipe_that_names_them(load, tmp_path):
    (tmp_path / "recipes/files").mkdir(parents=True)
    (tmp_path / "recipes/files/a.sh").write_text("true\n")
    (tmp_path / "top.txt").write_text("x\n")
    steps = load(
        GOOD + "customize:\n- run: files/a.sh\n- upload: {source: top.txt, dest: /etc/x}\n"
        "- run: systemctl start a.sh; true\n"
    ).customize
    assert steps[0].run.file == tmp_path / "recipes/files/a.sh"
    assert steps[1].upload.source == tmp_path / "top.txt"
    assert steps[2].run.script == "systemctl start a.sh; true"
    with pytest.raises(
        RecipeError, match=r"r\.yaml:4:8: there is no file 'files/b.sh'\n  fix: create recipes/files/b.sh"
    ):
        load(GOOD + "customize:\n- run: files/b.sh\n")


@pytest.mark.parametrize("named", ["{outside}/key", "../../outside/key", "link", "folder"])
def test_a_file_outside_the_project_goes_into_no_guest_unless_its_folder_is_allowed(
    load, tmp_path, monkeypatch, named
):
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    (tmp_path / "recipes/folder/deep").mkdir(parents=True)
    outside.mkdir()
    (outside / "key").write_text("private\n")
    (tmp_path / "recipes/link").symlink_to(outside / "key")
    (tmp_path / "recipes/folder/deep/link").symlink_to(outside / "key")
    name = named.format(outside=outside).replace("../../outside", f"../../{outside.name}")
    text = GOOD + f"customize:\n- upload: {{source: {name}, dest: /etc/x}}\n"
    with pytest.raises(RecipeError) as caught:
        load(text)
    assert caught.value.problem == f"{name!r} is outside the project: {outside}/key"
    assert str(caught.value.at).endswith("r.yaml:4:20")
    assert caught.value.fix == (
        f"copy it into the project, or allow its folder: GOLDSMITH_ALLOW_FILES={outside}"
    )
    monkeypatch.setenv("GOLDSMITH_ALLOW_FILES", f"/nowhere:{outside}")
    assert load(text).customize[0].upload.source.exists()


def test_a_home_folder_is_no_project(load, tmp_path, monkeypatch):
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_rsa").write_text("private")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(RecipeError) as caught:
        load(GOOD + "customize:\n- upload: {source: ../.ssh/id_rsa, dest: /etc/x}\n")
    assert caught.value.problem == f"'../.ssh/id_rsa' is outside the project: {tmp_path}/.ssh/id_rsa"
    assert caught.value.fix == (
        f"copy it into {tmp_path}/recipes, for the folder above is no project, "
        f"or allow its folder: GOLDSMITH_ALLOW_FILES={tmp_path}/.ssh"
    )
    (tmp_path / "recipes" / "own").touch()
    assert load(GOOD + "customize:\n- upload: {source: own, dest: /etc/x}\n").customize


@pytest.mark.parametrize(
    ("folder", "project"),
    [
        ("/recipes", "/recipes"),
        ("/srv/recipes", "/srv"),
        ("/srv/own", "/srv/own"),
        ("/home/u/recipes", "/home/u/recipes"),
        ("/home/u", None),
        ("/", None),
    ],
)
def test_which_folder_is_the_project(monkeypatch, folder, project):
    monkeypatch.setenv("HOME", "/home/u")
    assert project_of(Path(folder)) == (Path(project) if project else None)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("upload: {source: dir, dest: /etc/x}", r"r\.yaml:4:20: .*dir/bad cannot be read: No such file"),
        ("write: {file: dir, path: /etc/x}", r"r\.yaml:4:17: 'dir' is a folder"),
        ("run: {file: dir}", r"r\.yaml:4:15: 'dir' is a folder"),
    ],
)
def test_what_cannot_be_copied_is_told_with_its_place(load, tmp_path, step, told):
    (tmp_path / "recipes" / "dir").mkdir(parents=True)
    if step.startswith("upload"):
        (tmp_path / "recipes" / "dir" / "bad").symlink_to("nothing")
    with pytest.raises(RecipeError, match=told):
        load(GOOD + f"customize:\n- {step}\n")


def test_a_folder_above_has_a_name(load, tmp_path):
    assert (
        load(GOOD + "customize:\n- upload: {source: .., dest: /x}\n").customize[0].upload.source == tmp_path
    )


def test_steps_know_their_kind_and_their_line(load):
    recipe = load(
        GOOD
        + "customize:\n- reboot: true\n- cloud_init: {add_module: resolv-conf, default_user: me}\n  name: cloud\n"
    )
    assert [step.kind for step in recipe.customize] == ["reboot", "cloud_init"]
    assert [step.title for step in recipe.customize] == ["reboot", "cloud"]
    assert recipe.customize[1].action.add_module == ("resolv-conf",)
    assert recipe.customize[1].action.default_user.name == "me"
    assert str(recipe.at("customize", 1)).endswith("r.yaml:5:3")


def test_secrets_stand_only_where_they_are_kept_safe(load):
    recipe = load(GOOD + "install: {variables: {key: !secret env:KEY}}\n")
    assert recipe.install.variables["key"] == Secret("env:KEY", recipe.at("install", "variables", "key"))
    assert recipe.said()["install"]["variables"] == {"key": "!secret env:KEY"}
    with pytest.raises(RecipeError, match="summary cannot be a secret"):
        load(GOOD + "summary: !secret env:KEY\n")


def test_what_a_recipe_says_does_not_depend_on_where_it_stands(load, tmp_path):
    before = load(GOOD + "customize:\n- run: echo\n").said()
    assert before == load("# moved\n\n" + GOOD + "customize:\n\n- run: echo\n").said()
    assert str(tmp_path) not in str(before)
