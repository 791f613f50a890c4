"""The temporary way in, as files: a seed that nobody else can read, a key planted and gone again."""

import os

from goldsmith.guests.access import TemporaryAccess
from goldsmith.guests.family import Access
from goldsmith.host.process import LocalHost
from goldsmith.host.shell import new_key_pair
from goldsmith.stages.seeded import plant, seed


def test_a_seed_is_private_and_what_it_was_made_from_is_gone(bench, tool_on_path, tmp_path):
    tool_on_path("xorriso")
    access = TemporaryAccess(Access.SEED, new_key_pair("ecdsa"), new_key_pair("ecdsa"))
    folder = bench.state / "run" / "b1"
    disc = seed(LocalHost(), folder, access, "build-1", bench.context())
    assert disc == folder / "seed.iso"
    assert disc.stat().st_mode & 0o777 == 0o600
    assert os.listdir(folder) == ["seed.iso"]  # noqa: PTH208
    assert folder.stat().st_mode & 0o777 == 0o711
    data = disc.read_bytes()
    assert data[32808:32814] == b"cidata"
    assert access.user_key.public.encode() in data


def test_a_key_is_planted_from_files_that_only_we_can_read(bench, disk, fake_tool):
    tool = fake_tool(
        "virt-customize",
        'for word; do case "$word" in root:file:*) ls -l "${word#root:file:}" | cut -c1-10 ;; esac; done',
    )
    access = TemporaryAccess(Access.OFFLINE, new_key_pair("rsa"), new_key_pair("rsa"))
    plant(LocalHost(log=bench.folder / "log"), disk, access, bench.context())
    (call,) = tool.calls
    assert f"0600:{access.host_key_path}" in call
    assert "-rw-------" in (bench.folder / "log").read_text()
    assert not list((bench.state / "run").iterdir())
