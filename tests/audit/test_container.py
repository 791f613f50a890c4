import base64
import struct
import subprocess
from pathlib import Path

import pytest

from goldsmith.audit.container import ask_qemu, named, recognise
from goldsmith.audit.secrets import search
from goldsmith.errors import UsageError
from goldsmith.host.process import LocalHost

MIB = 1 << 20
HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")


def qcow2(path, *, backing=0, features=0, size=MIB):
    head = HEADER.pack(
        b"QFI\xfb", 3, backing, 11 if backing else 0, 16, size, 0, 0, 0, 0, 0, 0, 0, features, 0, 0, 4, 104
    )
    path.write_bytes(head.ljust(4096, b"\0"))
    return path


@pytest.fixture
def qemu_img(tool_on_path):
    return str(tool_on_path("qemu-img"))


@pytest.mark.parametrize(
    ("make", "danger"),
    [
        ({"backing": 512}, "backing_file: Image has a backing file"),
        ({"features": 4}, "data_file: Image has data_file set"),
        ({"features": 1 << 40}, "unknown_features"),
    ],
)
def test_dangers_are_seen_in_the_header_without_any_program(tmp_path, make, danger):
    found = recognise(qcow2(tmp_path / "x.img", **make))
    assert found.format == "qcow2"
    assert danger in "; ".join(found.dangers)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "does not exist"),
        (b"", "has 0 bytes, too few for a disk"),
        (b"\0" * 32769 + b"CD001\1" + b"\0" * 40000, "is an ISO medium"),
    ],
)
def test_what_is_no_disk_is_refused_with_a_fix(tmp_path, content, problem):
    path = tmp_path / "x.iso"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=problem) as caught:
        recognise(path)
    assert caught.value.fix


def test_a_folder_is_no_disk(tmp_path):
    with pytest.raises(UsageError, match="is no plain file"):
        recognise(tmp_path)


def test_encrypted_and_unknown_containers_are_not_opened(tmp_path):
    path = tmp_path / "x.img"
    path.write_bytes((b"LUKS\xba\xbe\0\1").ljust(8192, b"\0"))
    assert "it is encrypted with LUKS" in recognise(path).dangers[-1]


def test_a_raw_disk_is_recognised_and_its_size_known(tmp_path, qemu_img):
    path = tmp_path / "x.img"
    path.write_bytes(b"\0" * MIB)
    found = ask_qemu(recognise(path), LocalHost())
    assert (found.format, found.virtual_size, found.faults) == ("raw", MIB, None)


def test_facts_of_a_qcow2_come_from_qemu_img(tmp_path, qemu_img):
    path = tmp_path / "x.qcow2"
    subprocess.run([qemu_img, "create", "-q", "-f", "qcow2", path, "3M"], check=True)
    subprocess.run([qemu_img, "snapshot", "-c", "before", path], check=True)
    found = ask_qemu(recognise(path), LocalHost())
    assert (found.virtual_size, found.compat, found.compression) == (3 * MIB, "1.1", "zlib")
    assert found.extras == ("internal snapshots",)
    assert found.faults == ()


def test_a_short_name_is_the_same_file_as_the_full_one(tmp_path, qemu_img, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run([qemu_img, "create", "-q", "-f", "vmdk", tmp_path / "a:x.vmdk", "3M"], check=True)
    found = ask_qemu(recognise(Path("a:x.vmdk")), LocalHost())
    assert (found.problems, found.virtual_size) == ((), 3 * MIB)


def test_leaked_clusters_are_counted(tmp_path, qemu_img):
    path = tmp_path / "x.qcow2"
    subprocess.run([qemu_img, "create", "-q", "-f", "qcow2", path, "3M"], check=True)
    with path.open("r+b") as file:
        file.seek(2 * 65536 + 2 * 10)  # a reference to a cluster that nothing uses
        file.write(b"\0\1")
        file.truncate(11 * 65536)
    assert ask_qemu(recognise(path), LocalHost()).faults == ("1 leaks",)


@pytest.mark.parametrize(("word", "name"), [("vpc", "vhd"), ("vhd", "vhd"), ("qcow2", "qcow2")])
def test_formats_have_one_name(word, name):
    assert named(word) == name


def test_an_unknown_format_is_refused():
    with pytest.raises(
        UsageError, match=r"'qed' is no disk format that can be audited\n  fix: one of raw, qcow2"
    ):
        named("qed")


SECRETS = [
    "hunter2-hunter2",
    "Straße-4711",
    "-----BEGIN KEY-----\nAAAAB3NzaC1yc2EAAAADAQABAAAB\n-----END KEY-----\n",
]


def disk(tmp_path, qemu_img, at, data, *, driver):
    raw, path = tmp_path / "raw", tmp_path / "disk"
    with raw.open("wb") as file:
        file.truncate(8 * MIB)
        file.seek(at)
        file.write(data)
    subprocess.run(
        [qemu_img, "convert", "-c", "-O", "qcow2", raw, path] if driver == "qcow2" else ["/bin/cp", raw, path]
    )
    return path


@pytest.mark.parametrize(
    ("secret", "data", "encoding"),
    [
        (1, SECRETS[0].encode(), "plain text"),
        (1, SECRETS[0].encode("utf-16-le"), "UTF-16"),
        (2, SECRETS[1].encode(), "plain text"),
        (3, b"AAAAB3NzaC1yc2EAAAADAQABAAAB\r\n", "plain text"),
        (1, base64.b64encode((SECRETS[0] + "AdministratorPassword").encode("utf-16-le")), "base64 of UTF-16"),
        *[(1, base64.b64encode(b"x" * pad + SECRETS[0].encode() + b"tail"), "base64") for pad in range(5)],
    ],
)
@pytest.mark.parametrize("driver", ["raw", "qcow2"])
@pytest.mark.parametrize("at", [0, 5 * MIB + 77, 3 * MIB - 7])
def test_a_secret_is_found_however_it_stands_on_the_disk(
    tmp_path, qemu_img, secret, data, encoding, driver, at
):
    path = disk(tmp_path, qemu_img, at, data, driver=driver)
    found = search(path, SECRETS, driver=driver, virtual_size=8 * MIB, host=LocalHost(), window=MIB)
    assert [(hit.secret, hit.encoding) for hit in found.hits] == [(secret, encoding)]
    assert at <= found.hits[0].offset <= at + 8


def test_a_clean_disk_and_secrets_too_short_to_tell(tmp_path, qemu_img):
    path = disk(tmp_path, qemu_img, 0, b"nothing here, 1234", driver="qcow2")
    found = search(
        path, [*SECRETS, "1234"], driver="qcow2", virtual_size=8 * MIB, host=LocalHost(), scratch=tmp_path
    )
    assert (found.sought, found.short, found.hits) == (3, 1, ())


def test_a_search_goes_by_the_full_name(tmp_path, qemu_img, monkeypatch):
    monkeypatch.chdir(tmp_path)
    disk(tmp_path, qemu_img, 0, SECRETS[0].encode(), driver="raw").rename("nbd:x,y")
    found = search(Path("nbd:x,y"), SECRETS, driver="raw", virtual_size=8 * MIB, host=LocalHost())
    assert [hit.secret for hit in found.hits] == [1]


def test_no_secret_is_given_to_a_program(tmp_path, fake_tool):
    tool = fake_tool("qemu-img", 'echo "[]"')
    search(tmp_path / "x", SECRETS, driver="raw", virtual_size=MIB, host=LocalHost())
    assert not any(secret in word for call in tool.calls for word in call for secret in SECRETS)
