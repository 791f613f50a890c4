from pathlib import Path

import pytest

from goldsmith.errors import HostError
from goldsmith.host.osinfo import Medium, identify, known
from goldsmith.host.process import LocalHost

HOST = LocalHost()
TABLE = " Short ID            \n---------------------"


def iso(path: Path, *, volume_id: str = "RHEL-7.9 Server.x86_64", blocks: int = 20) -> Path:
    header = bytearray(2048)
    header[:6] = b"\x01CD001"
    header[40:72] = volume_id.ljust(32).encode()
    header[80:84] = blocks.to_bytes(4, "little")
    path.write_bytes(bytes(16 * 2048) + header)
    return path


def test_a_known_medium_is_named_by_its_short_id(fake_tool, tmp_path):
    fake_tool(
        "osinfo-detect",
        "echo 'Media is bootable.'\n"
        """echo "Media is an installer for OS 'Red Hat Enterprise Linux 7.9 (x86_64)'" """,
    )
    query = fake_tool("osinfo-query", f"printf '%s\\n rhel7.9 \\n' '{TABLE}'")
    assert identify(HOST, iso(tmp_path / "rhel.iso")) == Medium(
        os="rhel7.9", arch="x86_64", bootable=True, volume_id="RHEL-7.9 Server.x86_64", declared_size=40960
    )
    assert query.calls == [["--fields=short-id", "os", "name=Red Hat Enterprise Linux 7.9"]]


def test_a_medium_that_libosinfo_does_not_know_is_still_a_medium(fake_tool, tmp_path):
    fake_tool("osinfo-detect", "echo 'Media is not bootable.'")
    found = identify(HOST, iso(tmp_path / "own.iso", volume_id="OWN"))
    assert found == Medium(os="", arch="", bootable=False, volume_id="OWN", declared_size=40960)


def test_a_file_that_is_no_iso_is_no_medium(tmp_path):
    page = tmp_path / "rhel.iso"
    page.write_text("<html>please log in</html>")
    assert identify(HOST, page) is None
    page.write_bytes(bytes(40_000))
    assert identify(HOST, page) is None


def test_a_missing_iso_is_named(tmp_path):
    with pytest.raises(HostError, match=r"none\.iso: No such file"):
        identify(HOST, tmp_path / "none.iso")


def test_a_name_is_known_or_not(fake_tool):
    fake_tool("osinfo-query", f"echo '{TABLE}'; test \"$3\" = short-id=rhel7.9 && echo ' rhel7.9 '")
    assert known(HOST, "rhel7.9")
    assert not known(HOST, "rhel7")


@pytest.mark.real
def test_the_real_database_knows_rhel(tmp_path):
    assert known(HOST, "rhel7.9")
    assert not known(HOST, "rhel7")
    (tmp_path / "tree").mkdir()
    image = tmp_path / "x.iso"
    HOST.run(
        "xorriso", "-as", "mkisofs", "-R", "-J", "-sysid", "LINUX", "-V", "RHEL-7.9 Server.x86_64",
        "-o", image, tmp_path / "tree",
    )  # fmt: skip
    found = identify(HOST, image)
    assert found
    assert found.volume_id == "RHEL-7.9 Server.x86_64"
    assert found.declared_size <= image.stat().st_size
