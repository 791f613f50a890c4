"""An image that is spoiled in three ways is refused at the gate of the audit, for these reasons and for no other."""

import json
import os
import shutil
import subprocess
import uuid

import pytest

pytestmark = pytest.mark.real

# How the demo is spoiled, the one check that says so, and in which words.
SPOILT = (
    (
        "command 'dpkg --purge --force-depends cloud-initramfs-growroot cloud-guest-utils'",
        "O-L21",
        "cloud-guest-utils missing",
    ),
    ('write /etc/machine-id "0123456789abcdef0123456789abcdef\\n"', "O-L25", "33 bytes"),
    ("command \"sh -c 'echo root:correct-horse | chpasswd'\"", "O-L12", "a usable password"),
)
RECIPE = f"spoilt-{uuid.uuid4().hex[:6]}"  # of no other run
VERSION = f"{RECIPE}@20260101.1"


@pytest.fixture
def spoilt(demo, shared_state, tmp_path):
    """Give a spoiled copy of the demo's image: one launch of the appliance, and the audit is another one."""
    disk = next((shared_state / "catalog" / "images").rglob(demo.end["image"]["goldsmith_sha256"]))
    copy = shutil.copyfile(disk, tmp_path / "spoilt.qcow2")
    script = "".join(f"{change}\n" for change, _, _ in SPOILT)
    done = subprocess.run(
        ["guestfish", "--rw", "--format=qcow2", "-a", copy, "-m", "/dev/sda1"],
        input=script,
        env={**os.environ, "LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return copy


def test_a_spoiled_image_is_refused_by_the_audit_and_then_by_the_gate_that_asks_it(spoilt, goldsmith):
    of_version = [
        f"--property=goldsmith_{part}={said}"
        for part, said in zip(("recipe", "version"), VERSION.split("@"), strict=True)
    ]
    brought = goldsmith.run("image", "import", str(spoilt), *of_version)
    assert brought.code == 0, brought.err
    assert goldsmith.run("promote", VERSION, "--to", "dev").code == 0

    audit = goldsmith.run("audit", VERSION, "--json")
    assert audit.code == 5, audit.err
    failed = {
        one["id"]: one["detail"] for one in json.loads(audit.out)["checks"] if one["status"] == "failed"
    }
    assert failed.keys() == {check for _, check, _ in SPOILT}
    for _, check, words in SPOILT:
        assert failed[check].startswith(words)

    refused = goldsmith.run("promote", VERSION, "--to", "candidate", "--json")
    assert refused.code == 5
    gates = {one["gate"]: one for one in json.loads(refused.out)["gates"]}
    assert {gate: one["answer"] for gate, one in gates.items()} == {
        **dict.fromkeys(("not revoked", "whole", "order"), "passed"),
        "audit": "refused",
        "boot test": "unknown",
    }
    assert f"{VERSION} is not let into candidate: 2 of 5 gates refuse\n  | audit: refused: " in refused.err
    for _, check, _ in SPOILT:
        assert check in gates["audit"]["detail"]
        assert check in refused.err
    channels = json.loads(goldsmith.run("channels", RECIPE, "--json").out)
    assert [one["version"] for one in channels] == ["20260101.1", None, None]
