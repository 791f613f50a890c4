"""Settings of cloud-init as its own merging of cloud.cfg and cloud.cfg.d gives them."""

import pytest

from goldsmith.audit.cloudconfig import Unreadable, mapping, merged, switched_off

from .phony import Sample

MAIN, OWN = "/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/"


def settings(**drop_ins):
    files = {MAIN if name == "main" else f"{OWN}{name}.cfg": text for name, text in drop_ins.items()}
    return merged(Sample("debian", "debian", 12, files).tree())


def test_a_later_file_wins_mappings_grow_together_and_lists_are_replaced():
    found = settings(
        main="a: 1\nuser: {name: cloud-user, sudo: [x]}\nmodules: [one, two]\n",
        a10="a: 2\nuser: {lock_passwd: true}\n",
        b20="a: 3\nmodules: [three]\n",
    )
    assert found == {
        "a": 3,
        "user": {"name": "cloud-user", "sudo": ["x"], "lock_passwd": True},
        "modules": ["three"],
    }
    assert mapping(found, "user")["name"] == "cloud-user"
    assert mapping(found, "modules", "x") == {}


def test_files_with_nothing_but_comments_say_nothing():
    assert settings(main="# all by default\n\n", empty="") == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [b\n", "/etc/cloud/cloud.cfg:2:1"),
        ("- a\n", "/etc/cloud/cloud.cfg holds no settings"),
        ("a: &a [x]\nb: &b [*a, *a]\nc: *missing\n", "/etc/cloud/cloud.cfg:3:4"),
        (
            "\n".join(
                f"l{n}: &l{n} [{', '.join(f'*l{n - 1}' for _ in range(9)) if n else 1}]" for n in range(9)
            ),
            "alias",
        ),
    ],
)
def test_what_is_no_yaml_or_a_bomb_is_told_with_its_place(text, problem):
    with pytest.raises(Unreadable, match=problem):
        settings(main=text)


@pytest.mark.parametrize(
    ("value", "off"), [("no", True), (0, True), (False, True), ("Yes", False), (None, False)]
)
def test_words_of_yaml_1_1_mean_what_cloud_init_takes_them_for(value, off):
    assert switched_off(value) is off
