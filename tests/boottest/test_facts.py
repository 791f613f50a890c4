"""What a console and a guest say, and the drive that they are given."""

import json

import pytest

from goldsmith.boottest.facts import Heard, sections
from goldsmith.boottest.seed import TOKEN_PATH, new_instance, seed_files, write_drive
from goldsmith.host.process import LocalHost


def heard(*lines):
    found = Heard()
    for line in lines:
        found.take(line)
    return found


@pytest.mark.parametrize(
    "line",
    ["node-1 login:", "node-1 login: [  117.7] cloud-init[480]: Cloud-init v. 22.4.2 running", "a login: "],
)
def test_a_prompt_is_seen_also_where_the_kernel_speaks_on(line):
    assert heard(line).prompt


@pytest.mark.parametrize("line", ["", "Last login: yesterday", "ci-info: | no | login: |", "/sbin/nologin:"])
def test_other_lines_are_no_prompt(line):
    assert not heard(line).prompt


def test_cloud_init_tells_its_end_its_source_its_keys_and_its_users():
    found = heard(
        "[    0.000000] Linux version 6.1.0-18-cloud-amd64",
        "ci-info: ++++Authorized keys from /home/debian/.ssh/authorized_keys for user debian++++",
        "ci-info: ++++Authorized keys from /home/debian/.ssh/authorized_keys for user debian++++",
        "<14>Nov 24 01:50:06 cloud-init: ssh-ed25519 AAAAC3+/x= root@boot1",
        "[  130.9] cloud-init[516]: Cloud-init v. 22.4.2 finished at now. Datasource DataSourceNone.  Up 130 seconds",
    )
    assert found.kernel
    assert found.users == ["debian"]
    assert found.keys == {"ssh-ed25519 AAAAC3+/x="}
    assert found.finished.startswith("Cloud-init v. 22.4.2 finished")
    assert found.datasource == "DataSourceNone"
    assert heard("nothing").datasource == ""


def test_answers_stand_below_their_names():
    assert sections(["noise", "", "@@a", "1", "2", "@@b", "@@c ", "3"]) == {
        "a": ["1", "2"],
        "b": [],
        "c": ["3"],
    }


def test_the_drive_gives_what_nova_gives(tmp_path, fake_tool):
    tool = fake_tool("xorriso", 'for word; do case $before in -o) : > "$word" ;; esac; before=$word; done')
    instance = new_instance(1, legacy=False)
    drive = write_drive(LocalHost(), instance, tmp_path, windows=False)
    assert drive.exists()
    assert "config-2" in tool.calls[0]
    tree = tmp_path / "drive-1" / "openstack" / "latest"
    said = json.loads((tree / "meta_data.json").read_text())
    assert (said["uuid"], said["hostname"]) == (instance.id, instance.hostname)
    assert said["public_keys"] == {"goldsmith": instance.key.public}
    data = json.loads((tree / "user_data").read_text().removeprefix("#cloud-config\n"))
    assert data["write_files"] == [{"path": TOKEN_PATH, "content": f"{instance.token}\n"}]
    everything = "".join(one.read_text() for one in tree.iterdir())
    assert "PRIVATE" not in everything, "the private key stays here"


def test_two_instances_share_nothing_and_windows_can_take_their_names():
    one, two = new_instance(1, legacy=False), new_instance(2, legacy=True)
    assert len({one.id, two.id, one.hostname, two.hostname, one.token, two.token}) == 6
    assert max(len(one.hostname), len(two.hostname)) <= 15
    assert one.key.public.startswith("ecdsa-")
    assert two.key.public.startswith("ssh-rsa "), "RHEL 6 knows no ECDSA"
    assert seed_files(one, windows=True).keys() == {"openstack/latest/meta_data.json"}
