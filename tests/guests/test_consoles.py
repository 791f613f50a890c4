"""Every transcript of tests/consoles gives exactly its cause, and the good ones none."""

import re
from pathlib import Path

import pytest
import yaml

from goldsmith.errors import GuestError, Mark
from goldsmith.guests import FAMILIES, anaconda_log
from goldsmith.guests.causes.anaconda import ANACONDA
from goldsmith.guests.causes.anaconda6 import ANACONDA_6
from goldsmith.guests.causes.failure import Diagnoser
from goldsmith.guests.causes.linux import BOOT
from goldsmith.guests.causes.windows import WINDOWS as WINDOWS_TABLE
from goldsmith.guests.console import ConsoleFile
from goldsmith.guests.watch import AFTERMATH, OUTLIVED, UNKNOWN, InstallWatch, Limits
from goldsmith.guests.windows_watch import WindowsWatch

FOLDER = Path(__file__).parents[1] / "consoles"
EVERY = yaml.safe_load((FOLDER / "index.yaml").read_text())
INDEX = [one for one in EVERY if not one["console"].startswith("windows-")]
LIMITS = Limits(total=1000, silence=200, phase=500)
EXAMPLES = {"7": ANACONDA, "6": ANACONDA_6, "boot": BOOT, "windows": WINDOWS_TABLE}
TABLES = {"boot": BOOT, **{name: family.console.failures for name, family in FAMILIES.items()}}


def lines_of(name):
    console = ConsoleFile(FOLDER / name)
    yield from console.lines()
    if console.unfinished:
        yield console.unfinished


def with_the_end(lines, told):
    """Return the lines that a failure shows."""
    if outlived := told.get("outlived"):
        return (outlived, *lines[-19:])
    return lines[-20:]


@pytest.mark.parametrize(
    "told", [one for one in INDEX if not {"sent", "outlived"} & set(one)], ids=lambda told: told["file"]
)
def test_a_transcript_gives_exactly_its_cause(told):
    diagnoser = Diagnoser(TABLES[told["console"]])
    for line in lines_of(told["file"]):
        diagnoser.line(line)
    found = diagnoser.diagnosis(stuck=bool(told["cause"]))
    if told["cause"] in (None, "unknown"):
        assert found is None
        return
    assert found is not None
    assert found.cause == told["cause"]
    assert found.kickstart_line == told.get("at")
    assert found.failure.fix


def said_in_the_log(told):
    """Return the lines of Anaconda's own log that name the cause."""
    log = FOLDER / told.get("sent", "none")
    script = anaconda_log.failed_script(log) if "pre-script" in told["file"] else ()
    return next(
        (
            one
            for one in anaconda_log.errors(log)
            if re.search(r" anaconda: There was|The following error", one[0])
        ),
        script,
    )


def ends_as_told(told, go_on) -> GuestError | None:
    """Let an install go on to its end; return its error, which shows its evidence, or None for a good one."""
    if told["cause"] is None:
        go_on()
        return None
    with pytest.raises(GuestError) as caught:
        go_on()
    assert caught.value.evidence == with_the_end((*lines_of(told["file"]), *said_in_the_log(told)), told)
    assert caught.value.fix
    return caught.value


@pytest.mark.parametrize(
    "told", [one for one in INDEX if one["console"] not in ("boot", "windows")], ids=lambda one: one["file"]
)
def test_an_install_with_this_console_ends_as_it_should(told):
    console, log = FAMILIES[told["console"]].console, FOLDER / told.get("sent", "none")
    watch = InstallWatch(
        console,
        LIMITS,
        stage="install",
        now=0,
        place_of=lambda line: Mark("kickstarts/own.ks.j2", line + 100),
        errors=lambda: anaconda_log.errors(log),
        failed_script=lambda: anaconda_log.failed_script(log),
    )

    def go_on():
        for line in lines_of(told["file"]):
            list(watch.line(line, 1.0))
        watch.tick(1.0 + AFTERMATH)
        if told.get("stuck"):
            watch.tick(300)
        watch.powered_off()

    if error := ends_as_told(told, go_on):
        if told["cause"] == "unknown":
            assert error.problem.endswith(OUTLIVED if "outlived" in told else UNKNOWN)
        else:
            assert error.problem.startswith(told["cause"])
        assert str(error.at or "") == (f"kickstarts/own.ks.j2:{told['at'] + 100}" if told.get("at") else "")


@pytest.mark.parametrize(
    "told", [one for one in INDEX if one["console"] == "windows"], ids=lambda one: one["file"]
)
def test_an_install_of_windows_with_this_console_ends_as_it_should(told):
    watch = WindowsWatch(FAMILIES["windows"].console, LIMITS, stage="install", now=0)
    console = ConsoleFile(FOLDER / told["file"])

    def go_on():
        for line in console.lines():
            list(watch.line(line, 1.0))
            if told.get("loaded") and "Press any key" in line:
                watch.loaded()
        watch.prompt(console.unfinished, 1.0)
        watch.tick(1.0 + AFTERMATH)
        if told.get("stuck"):
            watch.tick(300)
        watch.powered_off()

    if error := ends_as_told(told, go_on):
        assert error.problem.startswith(told["cause"])


def told_by(told):
    """Return the failure that a transcript gives."""
    diagnoser = Diagnoser(TABLES[told["console"]])
    for line in lines_of(told["file"]):
        diagnoser.line(line)
    found = diagnoser.diagnosis(stuck=True)
    return found.failure if found else None


@pytest.mark.parametrize("table", ["rhel7", "rhel6", "boot", "windows"])
def test_every_cause_has_a_transcript(table):
    have = {told_by(one) for one in INDEX if one["cause"] and "sent" not in one}
    assert [one.cause for one in TABLES[table] if one not in have] == []


def test_every_transcript_is_in_the_index_and_names_its_source():
    assert sorted(one["file"] for one in EVERY) == sorted(one.name for one in FOLDER.glob("*.txt"))
    assert sorted(one["sent"] for one in EVERY if "sent" in one) == sorted(
        one.name for one in FOLDER.glob("*.log")
    )
    assert all(one["source"] for one in EVERY)


@pytest.mark.parametrize(
    ("table", "failure"),
    [(name, one) for name, table in EXAMPLES.items() for one in table],
)
def test_the_example_of_a_failure_gives_this_failure_and_no_other(table, failure):
    diagnoser = Diagnoser(EXAMPLES[table])
    for line in failure.example.splitlines():
        diagnoser.line(line)
    found = diagnoser.diagnosis(stuck=True)
    assert found is not None
    assert found.failure == failure
    assert "{" not in found.cause
    assert failure.source
