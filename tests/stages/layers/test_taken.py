"""A step gets the bytes that its key was made of, or it is not done."""

import pytest

from goldsmith.errors import HostError, Mark
from goldsmith.recipe.steps import Step
from goldsmith.stages.guest import Task
from goldsmith.stages.said import step_inputs
from goldsmith.stages.taken import taken

AT = Mark("recipes/r.yaml", 9, 5)


@pytest.fixture
def tree(tmp_path):
    tree = tmp_path / "app"
    (tree / "empty").mkdir(parents=True)
    (tree / "f.sh").write_text("good\n")
    (tree / "f.sh").chmod(0o750)
    return tree


def task(**said):
    step = Step.model_validate(said)
    return Task(step, step_inputs(step, digest=str), AT)


@pytest.mark.parametrize("kind", ["upload", "write", "run", "folder"])
def test_the_copies_are_private_and_gone_afterwards(bench, tree, kind):
    given = {
        "upload": {"upload": {"source": tree / "f.sh", "dest": "/opt/f"}},
        "write": {"write": {"file": tree / "f.sh", "path": "/opt/f"}},
        "run": {"run": {"file": tree / "f.sh"}},
        "folder": {"upload": {"source": tree, "dest": "/opt/app"}},
    }[kind]
    one = task(**given)
    with taken(one, bench.context()) as step:
        action = step.action
        path = action.source if "upload" in given else action.file
        (tree / "f.sh").write_text("evil\n")
        file = path / "f.sh" if kind == "folder" else path
        assert file.read_text() == "good\n"
        assert file.stat().st_mode & 0o777 == 0o750
        assert path.name == ("app" if kind == "folder" else "f.sh")
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert kind != "folder" or (path / "empty").is_dir()
    assert not path.exists()
    with pytest.raises(HostError) as caught, taken(one, bench.context()):
        pytest.fail("it was begun")
    changed = tree if kind == "folder" else tree / "f.sh"
    assert caught.value.text() == (
        f"recipes/r.yaml:9:5: step '{one.step.title}': {changed} was changed while it was read\n"
        "  fix: repeat the command"
    )
    assert not list((bench.state / "run").iterdir())


def test_a_file_that_is_gone_was_changed(bench, tree):
    one = task(upload={"source": tree / "f.sh", "dest": "/opt/f"})
    (tree / "f.sh").unlink()
    with pytest.raises(HostError, match=r"f\.sh was changed while"), taken(one, bench.context()):
        pytest.fail("it was begun")


def test_a_step_without_files_stays_as_it_is(bench):
    one = task(run="true")
    with taken(one, bench.context()) as step:
        assert step is one.step
