"""The logs on the disk of a guest in which a step failed: pulled once its power is off, whatever the guest runs.

The guest is one of libvirt's test driver, its disk is read by a stand-in of guestfish.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.cli.conftest import guestfish
from tests.keeping import XML

from goldsmith.errors import GuestError, Mark
from goldsmith.guests import FAMILIES
from goldsmith.plan.kept import Keeper
from goldsmith.recipe.steps import Run, Step
from goldsmith.stages.customize import Customize
from goldsmith.stages.guest import Task
from goldsmith.stages.windows_customize import WindowsStep

from .test_lives import GUEST

STEP = Step(name="one", run=Run(script="false"))
PLACE = Mark("recipes/r.yaml", 7)
FAILED = GuestError("step 'one': the script ended with exit status 1", at=PLACE, fix="mend it")
SYSLOG = """
        *list-filesystems*) answer='/dev/sda1: ext4' ;;
        *glob-expand*messages*) answer=/var/log/messages ;;
        *filesize*) answer=5 ;;
        *is-file*) answer=true ;;
        *download-offset*) printf 'said\\n' > "$FOLDER/var-log-messages" ;;
"""
SETUP = """
        *list-filesystems*) answer='/dev/sda2: ntfs' ;;
        *mounts*) answer=/dev/sda2 ;;
        *readlink*) answer=$(printf '%s' "$line" | sed "$PLAIN" | sh) ;;
        *find*) answer=$(packed 'f 5 644 0\\0./windows/panther/setupact.log\\0\\0') ;;
        *download-offset*) printf 'said\\n' > "$FOLDER/windows-panther-setupact.log" ;;
"""
PACKED = r"""packed() { printf "$1" | gzip | base64 -w0; }
PLAIN="s/[^']*'//; s/'.*//; s/[\\]x22/\"/g; s/[\\]x5c/\\\\/g"
"""


@pytest.fixture
def failing(bench, disk, fake_tool):
    """Let a stage boot its guest and fail in its first step; return how that is told."""
    fake_tool("virt-install", f'echo "{XML.format("goldsmith-b1-customize", "a test")}"')
    fake_tool("virt-customize")
    fake_tool("osinfo-query", "exit 1")
    fake_tool("xorriso", 'while [ "$1" != -o ]; do shift; done; : > "$2"')

    @contextmanager
    def announce(_work):
        raise FAILED
        yield

    def run(stage, **more) -> GuestError:
        work = bench.work(stage, disk)
        with pytest.raises(GuestError) as caught:
            stage.run(work, replace(bench.context(), announce=announce, **more))
        return caught.value

    return run


LINUX = Customize("step-1", "boot 1", GUEST, STEP, {}, PLACE)
WINDOWS = WindowsStep("step-1", "boot 1", replace(GUEST, family=FAMILIES["windows"]), Task(STEP, {}, PLACE))


@pytest.fixture
def reader(bench, fake_tool, monkeypatch):
    """Stand in for the appliance: a disk on which the cases of a shell find the logs, put into a folder."""

    def reads(cases, folder):
        monkeypatch.setenv("FOLDER", str(bench.folder / folder))
        return fake_tool("guestfish", PACKED + guestfish(cases))

    return reads


def test_the_logs_of_a_linux_whose_step_failed_are_pulled_and_named(bench, failing, reader):
    reader(SYSLOG, "failure")
    told = failing(LINUX)
    assert (bench.folder / "failure/var-log-messages").read_text() == "said\n"
    assert (told.problem, told.at) == (FAILED.problem, PLACE)
    assert told.fix.startswith(f"mend it; kept in {bench.folder}/failure: ")
    assert told.fix.endswith("var-log-messages")


def test_the_logs_of_a_windows_whose_step_failed_are_pulled_and_named(bench, failing, reader):
    reader(SETUP, "logs/windows")
    told = failing(WINDOWS)
    assert (bench.folder / "logs/windows/windows-panther-setupact.log").read_text() == "said\n"
    assert (told.problem, told.at) == (FAILED.problem, PLACE)
    assert told.fix.endswith(f"{bench.folder}/logs/windows: windows-panther-setupact.log")


def test_what_a_windows_wrote_long_ago_is_not_taken_for_the_cause_of_a_step(bench, failing, reader):
    reader(SETUP.replace("said", "2024-01-01 10:00:00, Error  CBS  0x80070070"), "logs/windows")
    assert failing(WINDOWS).problem == FAILED.problem


@pytest.mark.parametrize(
    ("stage", "cases", "folder"), [(LINUX, SYSLOG, "failure"), (WINDOWS, SETUP, "logs/windows")]
)
def test_the_disk_of_a_guest_that_stays_is_left_alone(
    bench, hypervisor, failing, reader, stage, cases, folder
):
    tool = reader(cases, folder)
    keeper = Keeper(asked=True)
    failing(stage, keeper=keeper)
    assert keeper.guest
    assert tool.calls == []


@pytest.mark.parametrize("stage", [LINUX, WINDOWS])
def test_a_disk_that_cannot_be_read_does_not_hide_the_failure_of_a_step(bench, failing, fake_tool, stage):
    fake_tool("guestfish", "echo 'no kernel' >&2; exit 1")
    told = failing(stage)
    assert (told.problem, told.at) == (FAILED.problem, PLACE)
    assert "the guest's disk cannot be read" in bench.log
