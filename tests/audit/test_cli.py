import json
import struct

import pytest

from goldsmith.cli.main import run

MIB = 1 << 20
# guestfish that sees one disk and nothing on it
NOTHING = r"""
bash -c '
while IFS= read -r line; do
  said=
  case "${line#-}" in list-devices*) said=/dev/sda ;; quit) exit 0 ;; esac
  eval "printf %s \"\$said\" | cat ${line#*| cat }"
done < "$6"' x "$@"
"""


@pytest.fixture
def image(tmp_path, monkeypatch):
    monkeypatch.setenv("GOLDSMITH_ACCEL", "tcg")
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(MIB)
    return path


def test_an_image_without_a_system_is_refused(image, fake_tool, tool_on_path, capsys, tmp_path):
    fake_tool("guestfish", NOTHING)
    tool_on_path("qemu-img")
    assert run(["audit", str(image), "--json", "--junit", str(tmp_path / "a.xml")]) == 5
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["profile"], document["ok"]) == ("raw", "generic-linux", False)
    assert [one["id"] for one in document["checks"] if one["status"] == "failed"] == ["O-C7"]
    assert "no operating system" in (tmp_path / "a.xml").read_text()


def test_the_table_shows_what_failed_with_its_reason_and_cure(image, fake_tool, tool_on_path, capsys):
    fake_tool("guestfish", NOTHING)
    tool_on_path("qemu-img")
    assert run(["audit", str(image), "--format", "qcow2", "--quiet", "--no-color"]) == 5
    shown = " ".join(capsys.readouterr().out.split())
    assert "failed O-C1 the format is the declared one: raw; expected qcow2" in shown
    assert "fix: export the image in the format that the catalog entry declares" in shown
    assert "O-C2" not in shown


def test_a_waiver_lets_it_pass_and_is_shown(image, fake_tool, tool_on_path, capsys):
    fake_tool("guestfish", NOTHING)
    tool_on_path("qemu-img")
    assert run(["audit", str(image), "--waive", "O-C7=a disk for data only"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "waived: a disk for data only" in shown
    assert "disk.img passed: " in shown


def test_a_dangerous_image_is_refused_before_any_program_opens_it(image, fake_tool, capsys):
    tools = [fake_tool(name) for name in ("qemu-img", "guestfish")]
    name = b"/etc/passwd"
    head = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 512, len(name), 16, MIB).ljust(512, b"\0") + name
    image.write_bytes(head.ljust(65536, b"\0"))
    assert run(["audit", str(image), "--json", "--waive", "O-C2=I know what I do"]) == 5
    checks = {one["id"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["O-C2"]["status"] == "failed"
    assert "Image has a backing file" in checks["O-C2"]["detail"]
    assert checks["O-C7"]["detail"] == "nothing inside was looked at, because the image is not safe to open"
    assert [tool.calls for tool in tools] == [[], []]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nowhere.qcow2"], ["nowhere.qcow2 does not exist", "fix: give the path"]),
        (["IMAGE", "--profile", "rhle7"], ["unknown audit profile 'rhle7'", "fix: did you mean rhel7"]),
        (["IMAGE", "--format", "qed"], ["'qed' is no disk format", "fix: one of raw, qcow2"]),
        (["IMAGE", "--waive", "O-L16"], ["--waive O-L16 gives no reason", "fix: --waive"]),
        (["IMAGE", "--waive", "O-L16= "], ["the waiver for O-L16 gives no reason"]),
        (["IMAGE", "--waive", "O-L1600=x"], ["unknown audit check 'O-L1600'", "fix: did you mean O-L16"]),
    ],
)
def test_a_wrong_request_says_what_would_be_right(image, capsys, options, words):
    assert run(["audit", *(str(image) if word == "IMAGE" else word for word in options)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    for word in words:
        assert word in said.err


def test_the_report_of_an_image_of_the_catalog_is_kept_with_it(image, fake_tool, tool_on_path, capsys):
    fake_tool("guestfish", NOTHING)
    tool_on_path("qemu-img")
    assert run(["image", "import", str(image), "--name", "bare"]) == 0
    assert run(["audit", "bare", "--quiet"]) == 5
    capsys.readouterr()
    assert run(["image", "evidence", "bare", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["kind"], record["passed"]) == ("audit", False)
    assert "O-C7" in record["summary"]
    assert run(["audit", "bear"]) == 2
    assert "bear does not exist, and the catalog has no image of that name" in capsys.readouterr().err
