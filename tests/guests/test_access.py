import json
import re
import subprocess

from goldsmith.guests.access import USER, TemporaryAccess, seed_files, withdraw_script
from goldsmith.guests.family import Access
from goldsmith.host.shell import KeyPair

KEY = KeyPair("PRIVATE KEY OF THE USER", "ecdsa-sha2-nistp256 AAAA user")
HOST = KeyPair("PRIVATE HOST KEY", "ecdsa-sha2-nistp256 BBBB host")


def test_the_seed_holds_the_user_key_and_the_host_key_and_leaves_the_disk_alone():
    files = seed_files(TemporaryAccess(Access.SEED, KEY, HOST), instance="build-1")
    head, _, body = files["user-data"].partition("\n")
    data = json.loads(body)
    assert head == "#cloud-config"
    assert data["users"][0]["ssh_authorized_keys"] == [KEY.public]
    assert data["ssh_keys"]["ecdsa_private"] == HOST.private
    assert data["growpart"] == {"mode": "off"}
    assert data["preserve_hostname"] is True
    assert json.loads(files["meta-data"]) == {"instance-id": "build-1"}


def test_the_private_user_key_never_goes_to_the_guest():
    files = seed_files(TemporaryAccess(Access.SEED, KEY, HOST), instance="i")
    assert KEY.private not in "".join(files.values())


def test_the_seed_of_a_planted_access_keeps_cloud_init_from_replacing_it():
    files = seed_files(TemporaryAccess(Access.OFFLINE, KEY, HOST), instance="i")
    data = json.loads(files["user-data"].partition("\n")[2])
    assert (data["users"], data["disable_root"], data["ssh_deletekeys"]) == ([], False, False)
    assert HOST.private not in files["user-data"]
    assert json.loads(files["network-config"]) == {"config": "disabled"}  # the image's own file is to stay


def test_each_kind_of_access_has_its_user_and_its_host_key_file():
    rsa = KeyPair("P", "ssh-rsa AAAA")
    assert TemporaryAccess(Access.SEED, KEY, HOST).user == USER
    assert TemporaryAccess(Access.OFFLINE, KEY, HOST).user == "root"
    assert TemporaryAccess(Access.OFFLINE, KEY, HOST).privilege == ""
    assert TemporaryAccess(Access.OFFLINE, rsa, rsa).host_key_path == "/etc/ssh/ssh_host_rsa_key"


def test_the_withdrawal_fails_when_the_build_user_stays():
    script = withdraw_script(Access.SEED, leftovers=("/var/lib/cloud/*", "/etc/a b"))
    assert "set -eu" in script
    assert "userdel -f goldsmith" in script
    assert "the build user is still there" in script
    assert "rm -rf /var/lib/cloud/* '/etc/a b'" in script
    assert script.rstrip().endswith("(sleep 2; poweroff) >/dev/null 2>&1 </dev/null &")


def test_a_planted_root_key_is_taken_away():
    assert "rm -rf /root/.ssh" in withdraw_script(Access.OFFLINE, leftovers=())


def test_what_cloud_init_left_of_the_build_goes_and_the_vendors_seed_and_scripts_have_their_way(tmp_path):
    for name in (
        "var/lib/cloud/seed/nocloud/meta-data",
        "var/lib/cloud/instances/build-1/user-data.txt",
        "var/lib/cloud/data/instance-id",
        "var/log/cloud-init.log.1",
        "var/log/cloud-init-output.log",
        "var/log/dpkg.log",
        "etc/cloud/clean.d/README",
        "etc/cloud/clean.d/90-fails",
        "etc/cloud/clean.d/99-vendor",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-$(basename $0); exit 1\n")
    for name in ("90-fails", "99-vendor"):
        (tmp_path / "etc/cloud/clean.d" / name).chmod(0o755)
    script = withdraw_script(Access.OFFLINE, leftovers=())
    forget = script[script.index("for path in") : script.index("rm -rf /root/.ssh")]
    forget = re.sub(r"(?<![\w.])/(var|etc)/", rf"{tmp_path}/\1/", forget)
    subprocess.run(["/bin/sh", "-eu", "-c", forget], check=True, env={"PATH": "/usr/bin:/bin"})
    left = sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if one.is_file())
    assert left == [
        "etc/cloud/clean.d/90-fails",
        "etc/cloud/clean.d/99-vendor",
        "etc/cloud/clean.d/README",
        "ran-90-fails",
        "ran-99-vendor",
        "var/lib/cloud/seed/nocloud/meta-data",
        "var/log/dpkg.log",
    ]
