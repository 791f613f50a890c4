"""Images that are shown as folders: what a killed process leaves of that, by a made-up list of mounts."""

import errno
import os
import signal
import threading

import pytest

from goldsmith.errors import ToolError
from goldsmith.host.guestmount import drop_dead, mounted
from goldsmith.host.process import LocalHost
from goldsmith.host.retry import until


def test_a_mount_whose_appliance_died_is_taken_away_and_no_other(tmp_path, fake_tool, monkeypatch):
    tool = fake_tool("fusermount")
    alive = tmp_path / "goldsmith-mount-alive" / "in" / "guest"
    alive.mkdir(parents=True)
    dead = f"{tmp_path}/a b/goldsmith-mount-dead/in/guest"
    others = f"{tmp_path}/goldsmith-mount-others/in/guest"
    answers = {dead: errno.ENOTCONN, others: errno.EACCES}

    def stat(path, **options):
        if number := answers.get(str(path)):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, **options)

    real = os.stat
    monkeypatch.setattr(os, "stat", stat)
    mounts = tmp_path / "mounts"
    escaped = dead.replace(" ", "\\040")
    mounts.write_text(
        f"/dev/fuse {escaped} fuse ro,nosuid 0 0\n"
        f"/dev/fuse {alive} fuse ro,nosuid 0 0\n"
        f"/dev/fuse {others} fuse ro,nosuid,user_id=1000 0 0\n"
        f"/dev/fuse {tmp_path}/somebody-elses fuse rw 0 0\n"
        f"tmpfs {tmp_path}/goldsmith-mount-none tmpfs rw 0 0\n"
    )
    assert drop_dead(LocalHost(), mounts) == [dead]
    assert tool.calls == [["-u", "-z", dead]]
    assert drop_dead(LocalHost()) == []


def test_the_mount_ends_with_the_block_also_when_that_fails(tmp_path, fake_tool):
    fake_tool("guestmount", 'for place; do :; done; mkdir "$place/etc"; echo $$ > "$BIN/pid"; exec sleep 60')
    end = fake_tool("guestunmount", 'kill "$(cat "$BIN/pid")"')
    seen = []

    def within():
        with mounted(tmp_path / "i.qcow2", driver="qcow2", host=LocalHost(), env={}) as place:
            seen.append((place, (place / "etc").is_dir()))
            raise ToolError("by the body")

    with pytest.raises(ToolError, match="by the body"):
        within()
    ((place, shown),) = seen
    assert shown
    assert end.calls == [["--quiet", str(place)]]
    assert not place.exists()


@pytest.mark.parametrize("shows", ["", 'for place; do :; done; mkdir "$place/etc"'], ids=["before", "after"])
def test_ctrl_c_tells_the_program_to_stop_and_does_not_wait_for_guestunmount(tmp_path, fake_tool, shows):
    fake_tool(
        "guestmount",
        f"""trap 'echo told > "$BIN/told"; exit' INT
{shows}
echo > "$BIN/starts"
while :; do sleep 0.1; done""",
    )
    end = fake_tool("guestunmount", "sleep 60")
    tools = tmp_path / "bin"

    def press():
        until(lambda: (tools / "starts").exists() or None, what="start of guestmount", deadline=20)
        os.kill(os.getpid(), signal.SIGINT)

    def within():
        with mounted(tmp_path / "i.qcow2", driver="qcow2", host=LocalHost(), env={}):
            threading.Event().wait(20)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        within()
    assert (tools / "told").exists()
    assert end.calls == []
