"""What a step says in its key: texts as they are, files by digest, secrets by keyed digest."""

import pytest

from goldsmith.errors import RecipeError
from goldsmith.host.process import LocalHost
from goldsmith.recipe.secrets import Secret, Vault
from goldsmith.recipe.steps import Step
from goldsmith.stages.said import step_inputs, step_name


def said(step, *, digest=lambda secret: "0" * 16):
    return step_inputs(Step.model_validate(step), digest=digest)


def test_a_secret_is_in_the_key_by_a_digest_that_changes_with_its_value(tmp_path, monkeypatch):
    step = {"run": {"script": "x", "environment": {"TOKEN": Secret("env:TOKEN")}}}
    vault = Vault(state=tmp_path, host=LocalHost())
    monkeypatch.setenv("TOKEN", "hunter2-hunter2")
    first = said(step, digest=vault.digest)
    assert "hunter2" not in str(first)
    assert said(step, digest=Vault(state=tmp_path, host=LocalHost()).digest) == first
    monkeypatch.setenv("TOKEN", "another-value")
    assert said(step, digest=Vault(state=tmp_path, host=LocalHost()).digest) != first


def test_a_file_is_in_the_key_by_content_and_mode(tmp_path):
    script = tmp_path / "harden.sh"
    script.write_text("echo one\n")
    first = said({"run": {"file": script}})
    assert "harden" not in str(first)
    script.chmod(0o755)
    second = said({"run": {"file": script}})
    script.write_text("echo two\n")
    assert len({str(one) for one in (first, second, said({"run": {"file": script}}))}) == 3


def test_a_folder_is_in_the_key_with_all_that_it_holds(tmp_path):
    folder = tmp_path / "etc"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_text("one")
    step = {"upload": {"source": folder, "dest": "/etc/x"}}
    first = said(step)
    assert said(step) == first
    (folder / "deep" / "file").rename(folder / "deep" / "other")
    assert said(step) != first


def test_a_link_that_leads_nowhere_is_told_by_its_name(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "dangling").symlink_to("nothing")
    with pytest.raises(RecipeError, match="dangling cannot be read: No such file or directory"):
        said({"upload": {"source": folder, "dest": "/etc/x"}})


@pytest.mark.parametrize(
    "more", [{"name": "other"}, {"timeout": "9 min"}, {"layer": False}, {"refresh": "daily"}]
)
def test_what_does_not_change_the_disk_does_not_change_the_key(more):
    assert said({"run": "true", **more}) == said({"run": "true"})


def test_the_way_in_is_part_of_the_key():
    assert said({"run": "true", "via": "offline"}) != said({"run": "true"})


def test_a_stage_is_named_by_number_and_title_in_letters_that_files_may_have():
    assert step_name(0, Step.model_validate({"run": "true"})) == "step-1-run"
    assert step_name(1, Step.model_validate({"run": "true", "name": "Message of / the day!"})) == (
        "step-2-message-of-the-day"
    )
    assert step_name(2, Step.model_validate({"run": "true", "name": "***"})) == "step-3-run"
