"""``goldsmith report``: where the pages go, and the local server that shows them."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import jsonschema
import pytest

from goldsmith.cli.main import run
from goldsmith.events import BuildFinished, BuildStarted
from goldsmith.recipe.outputs import output_schemas
from goldsmith.record import BuildRecord

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture
def state(tmp_path):
    record = BuildRecord.create(tmp_path / "state" / "builds", recipe="demo", build_id="demo-1")
    record.tell(BuildStarted("demo-1", "demo", ()))
    record.tell(BuildFinished("demo-1", "demo", ok=True, seconds=1.0, own_seconds=1.0))
    return tmp_path / "state"


def test_pages_are_written_where_one_says_or_into_the_state_folder(state, tmp_path, capsys):
    assert run(["report", "--state", str(state), "--to", str(tmp_path / "site")]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/site/index.html\n"
    assert run(["report", "--state", str(state), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, output_schemas()["report"])
    assert told == {"index": f"{state}/report/index.html", "url": f"file://{state}/report/index.html"}
    assert "demo-1" in (state / "report" / "index.html").read_text()


def test_the_channels_of_the_catalog_and_what_was_moved_are_shown(factory):
    factory("build", "r")
    (image,) = json.loads(factory("image", "list", "--json").out)
    version = image["goldsmith_version"]
    factory("promote", f"r@{version}", "--to", "candidate", "--force", "--reason", "a <trial>", "--as", "ada")
    assert factory("report").code == 0
    text = (factory.state / "report" / "index.html").read_text()
    assert text.count(f"<code>{version}</code>") >= 3  # dev, candidate, and the moves
    assert "a &lt;trial&gt;" in text
    assert "<td>ada</td>" in text
    assert "<td>promoted (forced)" in text


def test_a_folder_of_something_else_is_refused(state, tmp_path, capsys):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine").touch()
    assert run(["report", "--state", str(state), "--to", str(tmp_path / "site")]) == 2
    assert "is no report of ours\n  fix: name a new folder" in capsys.readouterr().err
    assert run(["report", "--state", str(state), "--port", "8000"]) == 2


def test_a_report_is_served_on_this_host_alone_until_ctrl_c(state):
    server = subprocess.Popen(
        [sys.executable, "-m", "goldsmith", "report", "--state", state, "--serve"],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        address = server.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=10) as page:
            assert b"Images built here" in page.read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + "../catalog/index.db", timeout=10)
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0
    finally:
        server.kill()
