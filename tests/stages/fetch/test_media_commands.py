"""Recipes that start from an image or a tree, as ``validate``, ``render`` and ``plan`` see them."""

import json

import pytest

from goldsmith.cli.main import run


@pytest.fixture
def render(tmp_path, monkeypatch, capsys):
    (tmp_path / "recipes").mkdir()
    monkeypatch.chdir(tmp_path)

    def go(media):
        (tmp_path / "recipes/own.yaml").write_text(f"name: own\nextends: rhel7\nmedia: {media}\n")
        assert run(["validate", "own"]) == 0
        capsys.readouterr()
        assert run(["render", "own", "--json"]) == 0
        return json.loads(capsys.readouterr().out)["files"]

    return go


def test_an_image_has_no_kickstart_and_is_booted_instead(render):
    files = render("{image: base.qcow2}")
    assert "ks.cfg" not in files
    assert "--import" in files["virt-install.sh"]
    assert "--location" not in files["virt-install.sh"]


def test_an_installer_from_a_tree_takes_its_packages_from_there(render):
    files = render('{tree: "http://mirror.invalid/os/"}')
    assert "\nurl --url=http://mirror.invalid/os/\n" in files["ks.cfg"]
    assert "cdrom" not in files["ks.cfg"]
    assert "--location http://mirror.invalid/os/" in files["virt-install.sh"]


def test_an_installer_from_an_iso_takes_its_packages_from_there(render):
    files = render("{iso: x.iso}")
    assert "\ncdrom\n" in files["ks.cfg"]
    assert "url --url" not in files["ks.cfg"]


def test_a_plan_with_an_image_has_base_in_place_of_install(render, tmp_path, capsys):
    render("{image: base.qcow2}")
    (tmp_path / "base.qcow2").write_bytes(b"QFI\xfb" * 200)
    assert run(["plan", "own", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in plan["stages"]][:3] == ["fetch", "base", "step-1-cloud-init"]
