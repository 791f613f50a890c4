"""The files that a customize step names, as they were when its key was made of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.faults import host_fault
from goldsmith.plan.stage import Context
from goldsmith.recipe.contents import digest_of
from goldsmith.recipe.steps import Step
from goldsmith.stages.guest import Task
from goldsmith.stages.parts import private_folder
from goldsmith.stages.said import said_of

_FIELDS = ("source", "file")


@contextmanager
def taken(task: Task, context: Context) -> Iterator[Step]:
    """Give the step with copies of the files it names, which nobody changes on their way into the guest.

    Raises HostError where they are no more what the key of the layer says: it would then say of another disk, for ever,
    that this is what the recipe makes.
    """
    step = task.step
    name = next((one for one in _FIELDS if isinstance(getattr(step.action, one, None), Path)), None)
    if name is None:
        yield step
        return
    path: Path = getattr(step.action, name)
    said = task.said.get(step.kind)
    with private_folder(context) as folder:
        if not isinstance(said, dict) or said.get(name) != said_of(_copied(path, folder, task)):
            problem = f"step '{step.title}': {path} was changed while it was read"
            raise HostError(problem, at=task.at, fix="repeat the command")
        copy = getattr(step, step.kind).model_copy(update={name: folder / path.name})
        yield step.model_copy(update={step.kind: copy})


def _copied(path: Path, folder: Path, task: Task) -> str:
    """Copy a file or folder, and return the digest of what was copied; "" where it is not there any more."""
    try:
        return digest_of(path, copy_to=folder)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError):
        return ""
    except OSError as error:
        problem = f"step '{task.step.title}': {error.filename or path}: {error.strerror}"
        fault = host_fault(error)
        raise HostError(problem, at=task.at, fix=fault.fix if fault else "repeat the command") from None
