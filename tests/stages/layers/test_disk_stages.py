"""sysprep and sparsify: a layer of their own, the tool's words when it fails, nothing written below."""

import hashlib
import json

import pytest

from goldsmith.errors import HostError, ToolError
from goldsmith.host.process import LocalHost
from goldsmith.stages.sparsify import Sparsify
from goldsmith.stages.sysprep import Sysprep
from goldsmith.stages.versions import audit_checks, sysprep_version


def sysprep(**changes):
    facts = {"enable": (), "disable": (), "leftovers": (), "tool": "1.48"}
    return Sysprep(**{**facts, **changes})


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def untrimmed(bench, disk):
    """A finished sysprep stage whose guest knew no fstrim."""
    work = bench.work(sysprep())
    (work.folder / "trim.json").write_text(json.dumps({"trimmed": False}))
    work.commit()
    return disk


STAGES = pytest.mark.parametrize(
    ("stage", "tool"),
    [(sysprep(), "virt-sysprep"), (Sparsify(), "virt-sparsify")],
    ids=["sysprep", "sparsify"],
)


@STAGES
def test_a_disk_stage_works_on_a_layer_of_its_own_and_names_the_one_below_relatively(
    bench, untrimmed, fake_tool, stage, tool
):
    bench.env["LIBGUESTFS_BACKEND"] = "direct"
    before = digest(untrimmed)
    called = fake_tool(tool, 'echo "backend $LIBGUESTFS_BACKEND"')
    entry = bench.run(stage, untrimmed)
    said = LocalHost().run("qemu-img", "info", "--output=json", entry.disk).stdout
    assert json.loads(said)["backing-filename"] == f"../{untrimmed.parent.name}/disk.qcow2"
    assert str(entry.disk) in called.calls[0]
    assert "backend direct" in bench.log
    assert digest(untrimmed) == before


@STAGES
def test_a_failing_tool_shows_its_last_words(bench, untrimmed, fake_tool, stage, tool):
    fake_tool(tool, "echo 'libguestfs error: no operating system' >&2; exit 1")
    with pytest.raises(ToolError) as caught:
        bench.run(stage, untrimmed)
    assert caught.value.evidence == ("libguestfs error: no operating system",)
    assert "the layer before is untouched" in caught.value.fix


def test_a_guest_without_fstrim_is_cleaned_all_the_same_and_left_to_virt_sparsify(bench, disk, fake_tool):
    script = 'case "$*" in *"fstrim -av"*) echo "sh: fstrim: not found"; exit 1;; esac'
    cleaned = fake_tool("virt-sysprep", script)
    sparsified = fake_tool("virt-sparsify")
    bench.run(sysprep(), disk)
    bench.run(Sparsify(), disk)
    assert ["fstrim -av" in " ".join(call) for call in cleaned.calls] == [True, False]
    assert len(sparsified.calls) == 1


def test_what_sysprep_has_trimmed_is_not_trimmed_again(bench, disk, fake_tool):
    fake_tool("virt-sysprep")
    bench.run(sysprep(), disk)
    entry = bench.run(Sparsify(), disk)  # with no virt-sparsify on PATH at all
    assert entry.disk.exists()


def test_a_tool_that_is_not_installed_is_a_fault_of_the_host(bench, untrimmed):
    with pytest.raises(HostError, match="virt-sparsify is not installed"):
        bench.run(Sparsify(), untrimmed)


def test_a_layer_below_that_is_gone_is_named(bench, disk):
    disk.unlink()
    with pytest.raises(HostError, match=r"the layer below disk\.qcow2 is not there"):
        bench.run(Sparsify(), disk)


def test_operations_and_leftovers_reach_virt_sysprep_and_the_machine_id_ends_empty():
    argv = sysprep(enable=("x",), disable=("user-account", "ssh-hostkeys"), leftovers=("/a/*",)).command("d")
    assert argv[argv.index("--operations") + 1] == "defaults,x,-user-account,-ssh-hostkeys"
    assert argv[argv.index("--delete") + 1] == "/a/*"
    assert argv[argv.index("--truncate") + 1] == "/etc/machine-id"


def test_the_order_of_operations_is_no_part_of_the_key_but_the_tool_is():
    assert sysprep(disable=("a", "b")).inputs() == sysprep(disable=("b", "a")).inputs()
    assert sysprep().inputs() != sysprep(tool="1.52").inputs()
    assert sysprep().inputs() != sysprep(machine_id=False).inputs()


def test_a_guest_without_a_machine_id_has_none_truncated():
    assert "--truncate" not in sysprep(machine_id=False).command("d")


def test_the_version_of_virt_sysprep_is_asked_once_for_each_program(tmp_path, fake_tool):
    tool = fake_tool("virt-sysprep", 'echo "virt-sysprep 1.48.6rhel=9"')
    assert sysprep_version(LocalHost(), tmp_path / "s") == "1.48"
    assert sysprep_version(LocalHost(), tmp_path / "s") == "1.48"
    assert len(tool.calls) == 1


def test_a_state_folder_that_cannot_be_written_costs_the_memory_of_the_version_only(tmp_path, fake_tool):
    fake_tool("virt-sysprep", 'echo "virt-sysprep 1.48.6"')
    (tmp_path / "file").write_text("")
    assert sysprep_version(LocalHost(), tmp_path / "file" / "state") == "1.48"


def test_without_virt_sysprep_a_plan_can_still_be_made(tmp_path):
    assert sysprep_version(LocalHost(), tmp_path) == ""


def test_the_set_of_audit_checks_has_a_digest_that_stays():
    assert audit_checks() == audit_checks()
    assert len(audit_checks()) == 16
