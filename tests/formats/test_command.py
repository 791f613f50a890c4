"""``goldsmith inspect`` as a user runs it."""

import json
import os

import jsonschema
import pytest

from goldsmith.cli.main import run
from goldsmith.recipe.outputs import output_schemas

from .conftest import COMPRESSED, MADE


@pytest.fixture(autouse=True)
def tools(tool_on_path):
    for name in ("qemu-img", "qemu-io"):
        tool_on_path(name)


@pytest.mark.parametrize("name", [*MADE, *COMPRESSED, "disk.raw"])
def test_json_is_as_its_schema_says(images, capsys, name):
    assert run(["inspect", str(images[name]), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    jsonschema.validate(said, output_schemas()["inspect"])
    assert said.keys() == output_schemas()["inspect"]["properties"].keys()
    assert said["name"] == name
    assert said["partition_table"] == "gpt"


def test_a_person_reads_lines_and_the_partitions(images, capsys):
    assert run(["inspect", str(images["stream.vmdk"])]) == 0
    said = capsys.readouterr().out
    assert "format              vmdk\n" in said
    assert "vmware_adaptertype  buslogic\n" in said
    assert "  1: 4 MiB at 1 MiB, linux root bootable\n" in said


def test_problems_are_on_stderr_and_the_exit_status_is_5(images, tmp_path, capsys):
    path = images.copy("v3.qcow2", tmp_path)
    with path.open("r+b") as file:
        file.truncate(300_000)
    assert run(["inspect", str(path)]) == 5
    shown = capsys.readouterr()
    assert "safe              no" in shown.out
    assert "problem: " in shown.err
    assert "cut off" in shown.err


def test_only_the_headers_are_read_if_asked(images, fake_tool):
    tool = fake_tool("qemu-img", "exit 1")
    assert run(["inspect", "--no-check", str(images["v3.qcow2"])]) == 0
    assert tool.calls == []


@pytest.mark.parametrize(("make", "code", "words"), [
    (lambda path: None, 2, "does not exist\n  fix: give the path of an image file"),
    (lambda path: path.mkdir(), 2, "is no plain file"),
    (os.mkfifo, 2, "is no plain file"),
    (lambda path: path.touch(), 5, "problem: the file is empty"),
    (lambda path: path.write_text("<!DOCTYPE html><title>404</title>" + " " * 600), 5, "a text, as a server sends"),
])  # fmt: skip
def test_what_is_no_image_is_told(tmp_path, capsys, make, code, words):
    path = tmp_path / "x.img"
    make(path)
    assert run(["inspect", str(path)]) == code
    assert words in capsys.readouterr().err
