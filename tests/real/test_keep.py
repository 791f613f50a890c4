"""A guest that failed stays, is mended by hand, and is gone on from; two guests side by side do not see each other."""

import json
import re

import pytest

pytestmark = pytest.mark.real

STEPS = (
    "customize:\n"
    "  - cloud_init: {{default_user: debian, datasources: [ConfigDrive, OpenStack, Ec2, NoCloud, None]}}\n"
    "  - name: {0}\n    run: test -f /root/mended && true {0}\n"
)


def told(goldsmith, build):
    return json.loads(goldsmith.run("shell", build, "--json").out)


def test_a_kept_guest_is_mended_by_hand_and_gone_on_from_and_its_neighbour_cannot_be_reached(
    demo, in_project
):
    goldsmith = in_project(hurt=STEPS.format("one"), beside=STEPS.format("two"))
    both = [goldsmith.start("build", name, "--json", "--keep-failed") for name in ("hurt", "beside")]
    ended = [one.finish() for one in both]
    assert [one.code for one in ended] == [4, 4], [one.err for one in ended]
    hurt, beside = (str(one.end["build"]) for one in ended)
    assert f"the guest is kept, running: goldsmith shell {hurt}" in ended[0].err
    assert ended[0].end["kept"]["stage"] == "step-2-one"

    key = goldsmith.state / "run" / hurt / "access" / "id"
    assert key.stat().st_mode & 0o777 == 0o600
    mine, other = (told(goldsmith, one) for one in (hurt, beside))
    assert mine["screen"].endswith("/vnc.sock")
    address, neighbour = (one["ssh"][-1].partition("@")[2] for one in (mine, other))
    subnet = address.rpartition(".")[0]
    assert neighbour.startswith(f"{subnet}.")
    assert neighbour != address

    def within(command: str) -> int:
        return goldsmith.run("shell", hurt, "-q", "--", f"timeout 15 bash -c '{command}'").code

    assert within(f"</dev/tcp/{subnet}.1/53") == 0  # the host, which gave the address and the names
    assert within(f"</dev/tcp/{neighbour}/22") != 0
    assert within(f"ping -c 2 -w 10 {neighbour}") != 0
    assert goldsmith.run("shell", beside, "-q", "--", "exit 6").code == 6  # it is there, and lets the host in

    dropped = goldsmith.run("shell", beside, "--drop")
    assert dropped.code == 0, dropped.err
    assert goldsmith.domains("beside") == []

    assert within("sudo -n touch /root/mended") == 0
    done = goldsmith.run("build", "--resume", hurt, "--json")
    assert done.code == 0, done.err
    assert done.stages("StageFinished")[:2] == [f"mended {hurt}", "step-2-one"]
    assert done.end["image"]["status"] == "active"
    assert done.end["image"]["goldsmith_by_hand"] == f"went on from the guest that {hurt} kept"
    manifest = json.loads((goldsmith.state / "builds" / str(done.end["build"]) / "manifest.json").read_text())
    assert manifest["by_hand"] == [f"went on from the guest that {hurt} kept"]
    assert not key.exists()
    goldsmith.nothing_left("hurt")

    plan = goldsmith.run("plan", "hurt").out  # nobody is given the mended layer for what the recipe says
    assert re.search(r"step-1-cloud-init\s+cached", plan)
    assert re.search(r"step-2-one\s+run", plan)
