"""What inspect refuses is refused by everybody, in the same words, and no program opens it."""

import json

import pytest
from tests.machines import PLAIN

from goldsmith.audit.container import accepted, recognise
from goldsmith.catalog.entry import NewImage
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.main import run
from goldsmith.errors import GateError, Mark
from goldsmith.host.accel import Acceleration
from goldsmith.host.process import LocalHost
from goldsmith.plan.stage import Context, Entry, Work
from goldsmith.stages.base import Base

from .conftest import COMPRESSED, MADE, MIB
from .hostile import HOSTILE

PROGRAMS = ("qemu-img", "qemu-io", "qemu-nbd", "guestfish", "virt-install", "virt-inspector", "virt-cat")
COMMANDS = {
    "convert": ["convert", "IMAGE", "OUT", "--to", "raw"],
    "image import": ["image", "import", "IMAGE"],
    "boot-test": ["boot-test", "IMAGE", "--timeout", "1"],
    "push": ["push", "IMAGE", "--catalog", "cloud"],
    "sbom": ["sbom", "IMAGE"],
    "diff": ["diff", "IMAGE", "IMAGE"],
}


@pytest.fixture(params=HOSTILE)
def hostile(request, images, tmp_path):
    """A hostile image, and words of its problem."""
    make, words = HOSTILE[request.param]
    folder = tmp_path / "images"
    folder.mkdir()
    return make(images, folder), words


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """Be in a project with a cloud where nobody answers."""
    clouds = {"auth_type": "none", "endpoint": "http://127.0.0.1:1"}
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"cloud": clouds}}))
    (tmp_path / "goldsmith.yaml").write_text("catalogs: {cloud: {cloud: cloud}}\n")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def opened(fake_tool, monkeypatch):
    """Say which programs were called so far."""
    monkeypatch.setenv("GOLDSMITH_ACCEL", "tcg")
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "test:///default")
    tools = {name: fake_tool(name, "exit 1") for name in PROGRAMS}
    return lambda: {name: tool.calls for name, tool in tools.items() if tool.calls}


def problems(path, capsys):
    """Return what inspect says, which has exit status 5."""
    assert run(["inspect", str(path), "--json"]) == 5
    return json.loads(capsys.readouterr().out)["problems"]


def test_every_command_refuses_it_in_the_words_of_inspect(hostile, opened, cloud, tmp_path, capsys):
    path, words = hostile
    said = problems(path, capsys)
    assert words in "; ".join(said)
    for name, argv in COMMANDS.items():
        places = {"IMAGE": str(path), "OUT": str(tmp_path / "out")}
        code = run([places.get(word, word) for word in argv])
        err = capsys.readouterr().err
        assert code == 5, (name, err)
        assert f"{path} is refused: {'; '.join(said)}" in err, name
        assert opened() == {}, name


def test_the_audit_tells_it_as_failed_and_waives_nothing(hostile, opened, capsys):
    path, _ = hostile
    said = problems(path, capsys)
    assert run(["audit", str(path), "--json", "--waive", "O-C2=I know", "--waive", "O-C3=I know"]) == 5
    checks = {one["id"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert [checks[ident]["status"] for ident in ("O-C1", "O-C2", "O-C3")] == ["failed"] * 3
    told = checks["O-C2"]["detail"] + checks["O-C3"]["detail"]
    assert all(one in told for one in said)
    assert {one["status"] for ident, one in checks.items() if ident not in ("O-C1", "O-C2", "O-C3")} == {
        "skipped"
    }
    assert opened() == {}


def test_no_build_starts_from_it(hostile, opened, tmp_path, capsys):
    path, _ = hostile
    said = problems(path, capsys)
    at = Mark("r.yaml", 4, 3)
    with pytest.raises(GateError) as error:
        start_from(path, tmp_path, at)
    assert error.value.problem == f"{path} is refused: {'; '.join(said)}"
    assert (error.value.at, error.value.exit_code) == (at, 5)
    assert opened() == {}


def start_from(image, tmp_path, at):
    """Run the stage over an image that fetch is said to have got."""
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "medium.json").write_text(json.dumps({"location": str(image), "sha256": "", "size": 1}))
    context = Context(
        build="b",
        state=tmp_path / "state",
        folder=folder,
        uri="test:///default",
        reporter=Deaf(),
        acceleration=Acceleration("qemu", "test"),
        guestfs_env={},
        results={"fetch": Entry("k", folder)},
        host_for=lambda stage: LocalHost(),
        log_for=lambda stage: lambda line: None,
        announce=lambda work: None,
    )
    stage = Base({"sha256": "x"}, "demo", PLAIN, disk_size=64 * MIB, at=at)
    stage.run(Work(stage, "key", folder, None, lambda: Entry("key", folder)), context)


class Deaf:
    def tell(self, event):
        pass


@pytest.mark.parametrize("name", [*MADE, *COMPRESSED, "disk.raw"])
def test_good_images_of_every_format_are_accepted(images, name):
    found = accepted(recognise(images[name]))
    assert found.format == ("raw" if name == "disk.raw" else name.rpartition(".")[2])


@pytest.mark.parametrize("command", ["boot-test", "sbom", "diff"])
def test_what_the_catalog_calls_otherwise_is_not_opened_as_that(images, tmp_path, opened, capsys, command):
    """A program that is told to take a raw disk for a VMDK would obey what stands in it."""
    entry = LocalCatalog(tmp_path / "state" / "catalog").register(
        images["disk.raw"], NewImage("liar", disk_format="vmdk", virtual_size=MIB)
    )
    argv = [command, entry.id, *([entry.id] if command == "diff" else [])]
    assert run(argv) == 5
    assert "is raw, but is declared to be vmdk" in capsys.readouterr().err
    assert opened() == {}


@pytest.mark.parametrize("name", ["sparse.vmdk", "v3.qcow2", "dynamic.vhdx"])
def test_what_only_qemu_sees_ends_the_audit_before_the_appliance(images, name, opened, fake_tool, capsys):
    facts = {"virtual-size": MIB, "actual-size": 1, "backing-filename": "/etc/hostname"}
    tool = fake_tool("qemu-img", f"echo '{json.dumps(facts)}'")
    assert run(["audit", str(images[name]), "--json"]) == 5
    checks = {one["id"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert "it needs another file below it (a backing file)" in checks["O-C2"]["detail"]
    assert [call[0] for call in tool.calls] == ["info"]
    assert opened().keys() == {"qemu-img"}


def test_what_qemu_cannot_read_is_damaged_and_no_tool_is_missing(images, opened, fake_tool, capsys):
    fake_tool("qemu-img", "echo 'qemu-img: Could not open it: bad luck' >&2; exit 1")
    assert run(["audit", str(images["v3.qcow2"]), "--json"]) == 5
    checks = {one["id"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
    assert "qemu-img cannot read it: qemu-img: Could not open it: bad luck" in checks["O-C3"]["detail"]
    assert opened().keys() == {"qemu-img"}
