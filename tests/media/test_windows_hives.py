"""Hives from nothing, read back by libhivex's own tools."""

import shutil
import subprocess

import pytest

from goldsmith.media.windows_hives import EXPAND_SZ, Raw, encoded, hive

KEYS = {
    r"Microsoft\Windows NT\CurrentVersion": {"ProductName": "Windows Server 2016 Standard", "Major": 10},
    r"microsoft\WINDOWS NT\currentversion": {"PRODUCTNAME": "Windows Server 2022 Standard", "": "none"},
    r"Microsoft\Bytes": {"nine": b"123456789", "list": ("a", "b"), "path": Raw(EXPAND_SZ, b"%\0\0\0")},
    r"SAM\Domains\Account\Users\Names\Administrator": {"": Raw(500)},
}


@pytest.fixture
def read(tmp_path, monkeypatch):
    tool = shutil.which("hivexget", path="/usr/bin")
    if tool is None:
        pytest.skip("libhivex-bin is not installed")

    def get(data, key):
        path = tmp_path / "hive"
        path.write_bytes(data)
        said = subprocess.run(
            [tool, path, key], check=True, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}
        )
        return said.stdout

    return get


def test_a_hive_is_read_back_by_libhivex(read):
    data = hive(KEYS)
    assert len(data) % 4096 == 0
    assert read(data, r"Microsoft\Windows NT\CurrentVersion").splitlines() == [
        '"ProductName"="Windows Server 2022 Standard"',
        '"Major"=dword:0000000a',
        '"@"="none"',
    ]
    assert read(data, r"Microsoft\Bytes").splitlines() == [
        '"nine"=hex(3):31,32,33,34,35,36,37,38,39',
        '"list"=hex(7):61,00,00,00,62,00,00,00,00,00',
        '"path"=str(2):"%"',
    ]
    assert read(data, r"SAM\Domains\Account\Users\Names\Administrator") == '"@"=hex(500):\n'


def test_a_hive_may_have_more_keys_than_fit_into_a_page(read):
    data = hive({rf"Many\key{number}": {"number": number} for number in range(900)})
    assert len(data) > 20 * 4096
    assert read(data, r"Many\KEY899") == '"number"=dword:00000383\n'


def test_numbers_and_texts_have_the_types_of_the_registry():
    assert encoded(1) == (4, b"\1\0\0\0")
    assert encoded("a") == (1, b"a\0\0\0")
    assert encoded(Raw(500)) == (500, b"")


def test_a_value_that_would_need_several_cells_is_refused():
    with pytest.raises(ValueError, match="'big' has 20000 bytes, the most is 16344"):
        hive({"a": {"big": bytes(20000)}})
