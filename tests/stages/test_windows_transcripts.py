"""Every log of a Windows in tests/consoles gives exactly its cause, and the good ones none."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from goldsmith.audit.generalized import CAUSES as SYSPREP
from goldsmith.audit.generalized import GENERALIZED, Traces, generalized
from goldsmith.guests.windows_causes import CAUSES, LOOP, Errors, Starts, cause_in
from goldsmith.stages.windows_disk import errors_in

FOLDER = Path(__file__).parents[1] / "consoles"
INDEX = [
    one
    for one in yaml.safe_load((FOLDER / "index.yaml").read_text())
    if one["console"].startswith("windows-")
]
HALF_WAY = "Windows is not generalized (IMAGE_STATE_UNDEPLOYABLE): Setup or Sysprep stopped half-way"


def of(kind):
    return pytest.mark.parametrize(
        "told", [one for one in INDEX if one["console"] == kind], ids=lambda one: one["file"]
    )


@of("windows-setup")
def test_a_log_of_setup_gives_exactly_its_cause(told, tmp_path):
    log = tmp_path / told.get("log", "windows-panther-setupact.log")
    shutil.copyfile(FOLDER / told["file"], log)
    found = cause_in(errors_in([log]))
    if told["cause"] in (None, "unknown"):
        assert found is None
        return
    assert found is not None
    failure, cause, line = found
    assert cause == told["cause"]
    assert failure.fix
    assert line in log.read_text()


@of("windows-sysprep")
def test_a_log_of_sysprep_gives_exactly_its_cause(told):
    text = (FOLDER / told["file"]).read_text()
    if told["cause"] is None:
        assert generalized(Traces(GENERALIZED, log=text, succeeded=True)).good
        assert generalized(Traces("IMAGE_STATE_UNDEPLOYABLE", log=text)).cause == HALF_WAY
        return
    verdict = generalized(Traces("IMAGE_STATE_UNDEPLOYABLE", log=text))
    assert verdict.cause == f"{HALF_WAY}: {told['cause']}"
    assert verdict.evidence
    assert verdict.fix
    errors = "".join(line for line in text.splitlines(keepends=True) if ", Error" in line)
    assert generalized(Traces("IMAGE_STATE_UNDEPLOYABLE", errors=errors)).cause == verdict.cause


@of("windows-start")
def test_a_log_of_a_first_start_gives_exactly_its_cause(told):
    starts = Starts()
    for line in (FOLDER / told["file"]).read_text().splitlines():
        starts.line(line)
    assert starts.loop == (told["cause"] or "")


@pytest.mark.parametrize("failure", CAUSES, ids=lambda one: one.cause)
def test_the_example_of_a_cause_gives_this_cause_and_no_other(failure):
    found = cause_in(Errors([failure.example]))
    assert found is not None
    assert found[0] is failure
    assert "{" not in found[1]
    assert failure.source


@pytest.mark.parametrize("cause", SYSPREP, ids=lambda one: one.cause)
def test_the_example_of_sysprep_gives_this_cause_and_no_other(cause):
    words = [found for found in (re.search(cause.pattern, cause.example, re.IGNORECASE),) if found]
    verdict = generalized(Traces("IMAGE_STATE_UNDEPLOYABLE", errors=cause.example))
    assert verdict.cause == f"{HALF_WAY}: {cause.cause.format(*words[0].groups())}"
    assert cause.source


def test_every_cause_has_a_transcript():
    told = {one["cause"] for one in INDEX if one["cause"]}
    for one in (*CAUSES, *SYSPREP, LOOP):
        start = one.cause.partition("{")[0]
        if one.cause.startswith("a Store app was"):
            continue  # the transcript names the app
        assert any(cause.startswith(start) for cause in told), f"no transcript of: {one.cause}"
