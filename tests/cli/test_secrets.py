"""Where a secret of a recipe could stay: records, logs, command lines, copies of the kickstart. It stays nowhere."""

import json
import os
import re
from pathlib import Path

import pytest

from goldsmith.record import read_builds

SECRET = "hunter2-hunter2"
KICKSTART = "rootpw --plaintext {{ variables.password }}\nreboot\n"
# An installer that shows its kickstart wherever it can: on the console, in Anaconda's log, in a copy of the initrd.
TALKATIVE = """
for word; do
    case "$word" in pty,log.file=*) console=${word#pty,log.file=};; esac
    case "$before" in --initrd-inject) kickstart=$word;; esac
    before=$word
done
cat "$kickstart" | tee "$(dirname "$console")/logs/anaconda.log" > "$console"
printf '\\033[1m\\377 %s\\n' GOLDSMITH-INSTALL-OK >> "$console"
cat "$kickstart"
"""
LEAVING = """
for word; do case "$before" in --initrd-inject) kickstart=$word;; esac; before=$word; done
mkdir -p "$XDG_CACHE_HOME/virt-manager/boot"; cd "$XDG_CACHE_HOME/virt-manager/boot"
{ head -c 9000 /dev/zero; printf '\\037\\213\\010'; cat "$kickstart" | gzip; } > virtinst-abc-initrd.img
"""


@pytest.fixture
def talkative(factory, fake_tool, monkeypatch):
    monkeypatch.setenv("ROOT_PW", SECRET)
    (factory.project / "kickstarts" / "s.ks.j2").write_text(KICKSTART)
    factory.recipe(
        "s",
        "install:\n  kickstart: s.ks.j2\n  variables: {password: !secret env:ROOT_PW}\n"
        "customize: [{run: {script: 'true', environment: {T: !secret env:ROOT_PW}}, via: offline}]\n",
    )
    factory.tools["virt-install"] = fake_tool("virt-install", TALKATIVE)
    return factory


def files_with(secret: str, *folders: Path) -> list[Path]:
    """Return the files whose bytes hold the secret, in any folder."""
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in found if secret.encode() in path.read_bytes()]


def kept_by_a_build(factory) -> list[Path]:
    return [factory.state, Path(os.environ["TMPDIR"]), Path(os.environ["HOME"])]


@pytest.mark.parametrize("ending", ["good", "bad"])
def test_a_secret_is_in_no_file_that_a_build_leaves(talkative, fake_tool, ending):
    if ending == "bad":
        talkative.tools["virt-sysprep"] = fake_tool(
            "virt-sysprep", 'case "$*" in *--version*) echo virt-sysprep 1.48.1 ;; *) exit 1 ;; esac'
        )
    done = talkative("build", "s", "--json")
    assert done.code == (0 if ending == "good" else 1), done.err
    assert files_with(SECRET, *kept_by_a_build(talkative)) == []
    assert SECRET not in done.out + done.err
    (build,) = read_builds(talkative.state / "builds")
    console = (build.folder / "console.log").read_bytes()
    assert b"rootpw --plaintext ********" in console
    assert b"\033[1m\xff GOLDSMITH-INSTALL-OK" in console, "the rest is what the guest has sent"
    assert "********" in (build.folder / "logs/anaconda.log").read_text()
    assert (build.folder / "console.log").stat().st_mode & 0o077 == 0


def test_a_secret_is_in_no_command_line(talkative):
    assert talkative("build", "s").code == 0
    seen = [word for tool in talkative.tools.values() for call in tool.calls for word in call]
    assert seen
    assert not [word for word in seen if SECRET in word]


def test_a_tool_that_was_stopped_leaves_no_copy_of_the_kickstart(talkative, fake_tool):
    boot = Path(os.environ["XDG_CACHE_HOME"]) / "virt-manager" / "boot"
    talkative.tools["virt-install"] = fake_tool("virt-install", LEAVING + "touch ../seen; exit 1")
    assert talkative("build", "s").code == 1
    assert (boot.parent / "seen").exists()
    assert list(boot.iterdir()) == []


def test_the_next_build_masks_what_a_killed_one_has_left(talkative):
    dead = talkative.state / "builds" / "dead"
    dead.mkdir(parents=True)
    (dead / "build.json").write_text('{"finished": null}')
    (dead / "console.log").write_text(f"Command line: {SECRET}\n")
    done = talkative("build", "s")
    assert done.code == 0
    assert (dead / "console.log").read_text() == "Command line: ********\n"
    assert "unmasked secret in" in done.out + done.err


def test_the_last_gate_reads_every_file_that_is_exported_and_knows_every_secret(
    talkative, fake_tool, monkeypatch
):
    secrets = {"ROOT_PW": SECRET, "RHSM_ORG": "org-4711-org", "RHSM_KEY": "key-0815-key"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    on_disk = " ".join(secrets.values())
    talkative.tools["virt-sysprep"] = fake_tool(
        "virt-sysprep",
        'case "$*" in *--version*) echo virt-sysprep 1.48.1; exit;; esac\n'
        "for word; do case $before in -a) disk=$word;; esac; before=$word; done\n"
        f'printf %s "{on_disk}" > "$TMPDIR/said"\n'
        'qemu-io -f qcow2 -c "write -s $TMPDIR/said 1M 64k" "$disk" >/dev/null; rm "$TMPDIR/said"',
    )
    path = talkative.project / "recipes" / "s.yaml"
    text = path.read_text().replace(
        "install:\n",
        "export: [{format: qcow2}, {format: raw, compression: none}, {format: vmdk}]\ninstall:\n"
        "  subscription: {org: !secret env:RHSM_ORG, activation_key: !secret env:RHSM_KEY}\n",
    )
    path.write_text(text)
    done = talkative("build", "s")
    assert done.code == 0, "the check is waived here"
    (build,) = read_builds(talkative.state / "builds")
    checks = json.loads((build.folder / "audit.json").read_text())["checks"]
    (found,) = (one["found"] for one in checks if one["id"] == "O-S1")
    for secret in (1, 2, 3):
        assert re.search(
            rf"secret {secret} as plain text at byte \d+ \(also in image.raw, image.vmdk\)", found
        )
    assert not any(value in found for value in secrets.values())
