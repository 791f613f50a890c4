"""How a guest ended, by the log of its QEMU: libvirt itself forgets that when it starts anew."""

from pathlib import Path

import pytest

from goldsmith.host.qemu_log import qemu_log, shut_down_by_itself

START = "2026-11-29 23:27:09.893+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4, hostname: vm\n"
DEVICE = "char device redirected to /dev/pts/0 (label charserial0)\n"
BY_LIBVIRT = "2026-11-29T23:06:05.558407Z qemu-system-x86_64: terminating on signal 15 from pid 1607 ({})\n"
END = "2026-11-29 23:06:07.380+0000: shutting down, reason={}\n"
SHUTDOWN = END.format("shutdown")


@pytest.mark.parametrize(
    ("text", "by_itself"),
    [
        (START + DEVICE + SHUTDOWN, True),
        (START + BY_LIBVIRT.format("libvirtd") + SHUTDOWN, True),
        (START + BY_LIBVIRT.format("/usr/sbin/virtqemud") + SHUTDOWN, True),
        (SHUTDOWN, True),
        (START + BY_LIBVIRT.format("libvirtd") + END.format("destroyed"), False),
        (START + END.format("crashed"), False),
        (START + BY_LIBVIRT.format("/sbin/init") + SHUTDOWN, False),
        (START + BY_LIBVIRT.format("<unknown process>"), False),
        (START + DEVICE, False),
        (START + SHUTDOWN + START + DEVICE, False),
        (START + BY_LIBVIRT.format("bash") + SHUTDOWN + START + SHUTDOWN, True),
        (DEVICE, None),
        ("", None),
    ],
    ids=[
        "shut down", "and its QEMU ended by libvirt", "by a modular one", "its start in an older file", "destroyed",
        "crashed", "killed by the host", "killed without libvirt", "the host fell", "the host fell later",
        "killed before", "all in an older file", "empty",
    ],
)  # fmt: skip
def test_a_guest_has_shut_itself_down_where_that_is_its_last_end_and_nobody_killed_it(
    tmp_path, text, by_itself
):
    log = tmp_path / "x.log"
    log.write_bytes(text.encode() + b"\xff\n")
    assert shut_down_by_itself(log) is by_itself


def test_a_log_that_cannot_be_read_does_not_tell(tmp_path):
    assert shut_down_by_itself(tmp_path / "x.log") is None
    assert shut_down_by_itself(tmp_path) is None


def test_the_log_is_where_that_libvirt_writes_it(monkeypatch, tmp_path):
    assert qemu_log("x", "qemu:///system") == Path("/var/log/libvirt/qemu/x.log")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert qemu_log("x", "qemu:///session") == tmp_path / "libvirt/qemu/log/x.log"
