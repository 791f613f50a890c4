"""Each value of a recipe and of goldsmith.yaml, replaced by values of other kinds: told at its place, or taken."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from goldsmith.errors import RecipeError, RecipeErrors
from goldsmith.recipe.project import FILE, load_project

KINDS = ([], ["medium"], {}, {"a": ["b"]}, 2**70, -1, None, True, "", " ", "a\0b", "\ud800", "~nobody-here/x")
RECIPE = {
    "name": "r",
    "family": "small",
    "media": {"iso": "x.iso", "sha256": "a" * 64, "refresh": "weekly"},
    "machine": {"memory": "2 GiB", "firmware": "bios", "timeouts": {"boot": "5 min", "without_kvm": 2}},
    "disk": {"size": "8 GiB", "bus": "virtio"},
    "install": {
        "kickstart": "small.ks.j2",
        "variables": {"a": 1},
        "repos": [{"name": "x", "baseurl": "http://x/"}],
        "content": {"origin": "repos", "refresh": "weekly"},
        "subscription": {"org": "o", "serverurl": "a.b"},
        "root_growth": "none",
    },
    "customize": [
        {"run": {"file": "a.sh", "environment": {"A": "b"}, "allowed_exit_codes": [0]}, "via": "ssh"},
        {"write": {"path": "/x", "file": "a.sh", "mode": "0644"}, "timeout": "5 min"},
        {"upload": {"source": "a.sh", "dest": "/x"}},
        {"packages": {"install": ["a"], "update": "all"}},
        {"cloud_init": {"add_module": "resolv-conf", "default_user": "u", "drop_ins": {"a.cfg": "x"}}},
    ],
    "export": [{"format": "qcow2", "compression": "zlib"}],
    "audit": {"waivers": [{"check": "O-L1", "reason": "because of it"}]},
    "boot_test": {"checks": [{"run": "true", "expect": "x", "timeout": "5 s"}], "metadata": "service"},
    "openscap": {"content": "a.sh", "profile": "p", "minimum_score": 5},
    "windows": {"drivers": {"iso": "x"}, "cloudbase_init": "x.msi", "product_key": "none"},
    "catalog": {"name": "x", "min_disk": "auto", "properties": {"os_version": "7.9"}, "upkeep": {}},
}
PROJECT = {
    "catalog": "c",
    "catalogs": {"c": {"cloud": "c", "format": "raw", "largest": "1 GiB", "stores": ["a"]}},
    "signing": {"key": "k.pem", "certificate": "c.pem", "hash": "SHA-256"},
    "nightly": {"recipes": ["r"], "values": {"r": {"iso": "x"}}, "jobs": 1, "prune": {"older_than_days": 3}},
    "notify": {"command": ["a"], "webhook": "http://x/"},
    "channels": [{"name": "dev", "gates": {"age": "1 d", "approvals": {"by": ["a"]}}}],
    "retention": {"keep": 5, "grace": "7 d"},
}


def changed(value: Any) -> Iterator[Any]:
    """Yield the value with each of its parts replaced by one of each kind."""
    yield from KINDS
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        for part in changed(value[key]):
            copy = value.copy()
            copy[key] = part
            yield copy


def told(read) -> bool:
    """Say whether it is refused, with a place for each problem."""
    problems: tuple[RecipeError, ...] = ()
    try:
        read()
    except RecipeErrors as error:
        problems = error.problems
    except RecipeError as error:
        problems = (error,)
    assert all(one.at and one.at.line and one.text().encode() for one in problems), problems
    return bool(problems)


@pytest.fixture
def beside(tmp_path):
    (tmp_path / "a.sh").write_text("true\n")
    return tmp_path


@pytest.mark.parametrize("part", [name for name in RECIPE if name != "name"])
def test_a_value_of_another_kind_is_told_at_its_place_or_taken(beside, load_file, part):
    path, answers = beside / "r.yaml", set()
    path.write_text(json.dumps(RECIPE))
    assert not told(lambda: load_file(path))
    for value in changed(RECIPE[part]):
        path.write_text(json.dumps({**RECIPE, part: value}))
        answers.add(told(lambda: load_file(path)))
    assert True in answers


@pytest.mark.parametrize("part", PROJECT)
def test_a_value_of_another_kind_in_goldsmith_yaml_is_told_at_its_place_or_taken(beside, part):
    path = beside / FILE
    path.write_text(json.dumps(PROJECT))
    assert not told(lambda: load_project(beside))
    answers = set()
    for value in changed(PROJECT[part]):
        path.write_text(json.dumps({**PROJECT, part: value}))
        answers.add(told(lambda: load_project(beside)))
    assert True in answers
