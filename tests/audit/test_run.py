"""The search for secrets goes on beside the look, and is not left behind by a look that fails."""

import time
from pathlib import Path

import pytest

from goldsmith.audit.run import audit
from goldsmith.errors import ToolError
from goldsmith.host.process import LocalHost

from .phony import debian

SECRET = "correct-horse-battery"
HOST = LocalHost()


@pytest.fixture
def image(tmp_path) -> Path:
    raw = tmp_path / "disk.raw"
    raw.write_bytes(bytes(4096) + SECRET.encode() + bytes(1 << 20))
    made = tmp_path / "disk.qcow2"
    HOST.run("/usr/bin/qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, made, fix="")
    return made


def test_secrets_are_searched_while_the_look_goes_on(image, tmp_path, fake_tool):
    fake_tool("qemu-img", 'qemu-img "$@" && if [ "$1" = convert ]; then touch "$BIN/../searched"; fi')

    def looked():
        until = time.monotonic() + 60
        while not (tmp_path / "searched").exists():
            assert time.monotonic() < until, "the search waits for the look"
            time.sleep(0.05)
        return debian().facts().guest

    report = audit(image, host=HOST, env={}, profile="debian", secrets=[SECRET], looked=looked)
    (found,) = [one for one in report.checks if one.id == "O-S1"]
    assert (found.status, found.detail) == (
        "failed",
        "secret 1 as plain text at byte 4096; expected no secret as plain text, UTF-16 or base64",
    )


def test_the_search_ends_with_a_look_that_fails(image, tmp_path, fake_tool):
    begun = tmp_path / "begun"
    fake_tool(
        "qemu-img", 'if [ "$1" = map ]; then touch "$BIN/../begun"; exec sleep 600; fi; exec qemu-img "$@"'
    )

    def looked():
        while not begun.exists():
            time.sleep(0.05)
        raise ToolError("the appliance does not start", fix="goldsmith doctor")

    started = time.monotonic()
    with pytest.raises(ToolError, match="the appliance does not start"):
        audit(image, host=HOST, env={}, profile="debian", secrets=[SECRET], looked=looked)
    assert time.monotonic() - started < 300, "it waited for the search"
