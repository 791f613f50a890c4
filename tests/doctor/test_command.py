import json

from goldsmith.cli.main import run


def test_json_has_one_check_with_four_keys_for_each_line(all_tools, tmp_path, capsys):
    run(["doctor", "--quick", "--json", "--state", str(tmp_path)])
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert {frozenset(one) for one in checks} == {frozenset({"id", "status", "detail", "fix"})}
    assert {one["status"] for one in checks} <= {"ok", "warning", "fail"}
    assert len({one["id"] for one in checks}) == len(checks)


def test_a_failure_exits_3_and_is_followed_by_its_fix(all_tools, tmp_path, capsys):
    all_tools["qemu-img"].path.unlink()
    assert run(["doctor", "--quick", "--state", str(tmp_path)]) == 3
    lines = capsys.readouterr().out.splitlines()
    at = next(number for number, line in enumerate(lines) if "qemu-img" in line)
    assert lines[at].split() == ["fail", "qemu-img", "not", "installed"]
    assert lines[at + 1].strip().startswith("fix: ")
    assert lines[at + 1].endswith("apt-get install -y --no-install-recommends qemu-utils")


def test_a_quiet_doctor_speaks_of_failures_only(all_tools, tmp_path, capsys):
    all_tools["qemu-img"].path.unlink()
    run(["doctor", "--quick", "--quiet", "--state", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "qemu-img" in shown
    assert "virt-install" not in shown


def test_long_fixes_are_not_wrapped_so_that_they_can_be_copied(all_tools, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    all_tools["virt-sysprep"].path.unlink()
    run(["doctor", "--quick", "--state", str(tmp_path)])
    assert "apt-get install -y --no-install-recommends libguestfs-tools\n" in capsys.readouterr().out


def test_fix_makes_the_state_folder(all_tools, tmp_path, capsys):
    run(["doctor", "--fix", "--quick", "--state", str(tmp_path / "s")])
    assert (tmp_path / "s").is_dir()
    assert f"made {tmp_path}/s\n" in capsys.readouterr().err
