"""Which catalog a command means."""

import pytest

from goldsmith.cli.base import Settings
from goldsmith.cli.catalogs import open_catalog
from goldsmith.cli.main import run
from goldsmith.errors import UsageError

CLOUDS = """\
clouds:
  production: &one
    auth_type: admin_token
    auth: {endpoint: "http://127.0.0.1:9", token: "a:b:member"}
    image_endpoint_override: http://127.0.0.1:9
  test: *one
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    (folder / "recipes").mkdir(parents=True)
    (folder / "goldsmith.yaml").write_text(
        "catalog: public\ncatalogs:\n  public:\n    cloud: production\n  lost:\n    cloud: prodution\n"
    )
    (tmp_path / "clouds.yaml").write_text(CLOUDS)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.chdir(folder)
    return folder


def test_a_catalog_is_the_embedded_one_or_of_the_project_or_a_cloud(project):
    settings = Settings()
    assert open_catalog(settings, "local").folder == settings.state / "catalog"
    assert (open_catalog(settings).name, open_catalog(settings).said.cloud) == ("public", "production")
    assert open_catalog(Settings(catalog="test")).said.cloud == "test"


def test_without_a_project_it_is_the_embedded_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_catalog(Settings()).folder == Settings().state / "catalog"


def test_a_name_that_nobody_knows_is_told_with_those_there_are(project, capsys):
    assert run(["image", "list", "--catalog", "nope"]) == 2
    said = capsys.readouterr().err
    assert "there is no catalog 'nope'" in said
    assert "fix: there are: local, lost, production, public, test" in said
    with pytest.raises(
        UsageError, match=r"goldsmith\.yaml:6:12: there is no cloud 'prodution' in clouds\.yaml"
    ):
        open_catalog(Settings(), "lost")


def test_a_clouds_file_that_is_none_is_told(project, tmp_path, capsys):
    (tmp_path / "clouds.yaml").write_text("clouds: [")
    assert run(["image", "list", "--catalog", "test"]) == 2
    assert "clouds.yaml cannot be read\n  fix: mend it" in capsys.readouterr().err


def test_a_cloud_that_does_not_answer_is_told_with_its_name(project, capsys):
    (project / "goldsmith.yaml").write_text(
        "catalogs: {public: {cloud: production, timeouts: {answer: 1 s}}}\n"
    )
    assert run(["image", "list", "--catalog", "public"]) == 6
    assert "no answer from public when it was asked to log in" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["undelete", "x"], ["check"]])
def test_what_only_the_embedded_catalog_can_is_refused_to_a_cloud(project, words, capsys):
    assert run(["image", *words, "--catalog", "public"]) == 2
    assert "public cannot do this: " in capsys.readouterr().err
