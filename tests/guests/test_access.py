import json

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
