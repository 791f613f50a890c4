"""Audits of two phony Windows disks through the real libguestfs: a good 2022 with UEFI, a spoiled 2016 with BIOS."""

import struct
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from goldsmith.audit.facts import Expected
from goldsmith.audit.generalized import GENERALIZED
from goldsmith.audit.run import audit
from goldsmith.audit.windows_logs import prove
from goldsmith.host import accel, guestfs
from goldsmith.host.process import LocalHost
from goldsmith.media.windows_hives import Raw, hive

from .windows_sample import (
    ESP,
    LOADER,
    MSR,
    NAMES,
    PROMISED,
    SERVICES,
    STATE,
    VERSION,
    WINLOGON,
    WindowsSample,
    hives,
)

pytestmark = pytest.mark.real
APP = "Microsoft.BingWeather_4.25.20211.0_x64__8wekyb3d8bbwe"
ERROR = f"2026-01-05 10:11:12, Error SYSPRP Package {APP} was installed for a user, but not provisioned for all users."
CONFIG = "Windows/System32/config"

SERVER = WindowsSample()
SPOILED = (
    SERVER.with_key(STATE, {"ImageState": "IMAGE_STATE_UNDEPLOYABLE"})
    .with_key(VERSION, {"ProductName": "Windows Server 2016 Standard", "CurrentBuildNumber": "14393"})
    .with_key(WINLOGON, {"AutoAdminLogon": "1", "DefaultPassword": "S3cret"})
    .with_key(rf"{SERVICES}\viostor", {"Start": 3})
    .with_key(r"SOFTWARE\Cloudbase Solutions\Cloudbase-Init\i-1\Plugins", {"MTUPlugin": 1})
    .with_key(rf"{NAMES}\builder", {"": Raw(1001)})
    .with_key(rf"{LOADER}\Elements\16000049", {"Element": b"\1"})
    .with_files({"/goldsmith/build.log": "built"})
)
# Two disks, as Setup partitions them. ntfsfix marks the second as dirty; afterwards it is made to look hibernated.
MAKE = r"""
run
part-init /dev/sda gpt
part-add /dev/sda primary 2048 206847
part-add /dev/sda primary 206848 239615
part-add /dev/sda primary 239616 -2048
part-set-gpt-type /dev/sda 1 {ESP}
part-set-gpt-type /dev/sda 2 {MSR}
part-set-gpt-type /dev/sda 3 EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
mkfs vfat /dev/sda1
mkfs ntfs /dev/sda3
mount /dev/sda1 /
mkdir-p /EFI/Microsoft/Boot
upload {server}/BCD /EFI/Microsoft/Boot/BCD
umount /
mount /dev/sda3 /
tar-in {server}/c.tar /
umount /
part-init /dev/sdb mbr
part-add /dev/sdb primary 2048 -2048
part-set-bootable /dev/sdb 1 true
pwrite-device /dev/sdb "\x78\x56\x34\x12" 440
mkfs ntfs /dev/sdb1
mount /dev/sdb1 /
tar-in {spoiled}/c.tar /
umount /
ntfsfix /dev/sdb1
mount /dev/sdb1 /
fill-pattern hibr 8192 /hiberfil.sys
umount /
"""


def lay_down(sample, folder, *, boot=""):
    """Write the hives and files of a sample as c.tar; the boot store apart, unless it has a place on C:."""
    folder.mkdir()
    files = {path.lstrip("/"): text.encode() for path, text in sample.files.items()}
    machine = struct.pack("<2s58xI", b"MZ", 64) + b"PE\0\0"
    machine += struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22) + struct.pack("<H66xH", 0x20B, 3)
    files["Windows/System32/cmd.exe"] = machine.ljust(328, b"\0")
    for name, keys in hives(sample.keys).items():
        place = boot if name == "BCD" else f"{CONFIG}/{name}"
        if place:
            files[place] = hive(keys)
        else:
            (folder / name).write_bytes(hive(keys))
    with tarfile.open(folder / "c.tar", "w") as archive:
        made = set()
        for path, data in files.items():
            for parent in [*reversed(Path(path).parents)][1:]:
                if parent not in made:
                    made.add(parent)
                    entry = tarfile.TarInfo(str(parent))
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    archive.addfile(entry)
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, BytesIO(data))


@pytest.fixture(scope="session")
def disks(tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("windows"))
    logs = "Windows/System32/Sysprep/Panther"
    spoiled = SPOILED.with_files({f"/{logs}/setuperr.log": "PLACE"})
    lay_down(SERVER, folder / "server")
    lay_down(spoiled, folder / "spoiled", boot="Boot/BCD")
    rewrite(folder / "spoiled" / "c.tar", f"{logs}/setuperr.log", f"\ufeff{ERROR}\r\n".encode("utf-16-le"))
    images = folder / "server.qcow2", folder / "spoiled.qcow2"
    for image in images:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "256M"], check=True)
    host = LocalHost()
    env = guestfs.environment(accel.detect(host, state=folder), cache=Path("/var/tmp"))
    words = [word for image in images for word in ("--format=qcow2", "-a", str(image))]
    script = MAKE.format(server=folder / "server", spoiled=folder / "spoiled", ESP=ESP, MSR=MSR)
    host.run("guestfish", *words, env=env, stdin=script)
    return *images, env


def rewrite(archive, name, data):
    """Replace the bytes of one file in a tar."""
    with tarfile.open(archive) as old:
        members = [(one, old.extractfile(one).read() if one.isfile() else b"") for one in old.getmembers()]
    with tarfile.open(archive, "w") as new:
        for member, content in members:
            content = data if member.name == name else content
            member.size = len(content)
            new.addfile(member, BytesIO(content))


def told(report):
    return {one.id: (str(one.status), one.detail) for one in report.checks}


def test_a_good_windows_passes(disks):
    server, _, env = disks
    host = LocalHost()
    inspector = host.run("virt-inspector", "--format=qcow2", "-a", server, env=env).stdout
    assert "<product_name>Windows Server 2022 Standard</product_name>" in inspector
    assert "<osinfo>win2k22</osinfo>" in inspector
    assert "<arch>x86_64</arch>" in inspector
    report = audit(
        server,
        host=host,
        env=env,
        format="qcow2",
        expected=Expected(distro="windows", major=10, windows=PROMISED),
    )
    found = told(report)
    assert [(one, words) for one, words in found.items() if words[0] in ("failed", "warning")] == []
    assert (report.profile, report.system) == ("windows", "Windows Server 2022 Standard")
    assert found["O-W1"] == ("ok", GENERALIZED)
    assert found["O-W20"] == ("ok", "off")
    assert found["O-W21"] == ("ok", "/dev/sda3, with EFI system partition")
    assert found["O-W23"] == ("ok", "Administrator, DefaultAccount, Guest")
    assert found["O-C9"] == ("ok", "/dev/sda1 (vfat), /dev/sda3 (ntfs)")
    assert report.inventory.services == {
        **dict.fromkeys(("viostor", "vioscsi"), "boot"),
        **dict.fromkeys(("netkvm", "BALLOON", "VirtRng", "VirtioSerial", "cloudbase-init"), "on demand"),
        "QEMU-GA": "automatic",
    }


def test_a_spoiled_windows_is_found_out(disks):
    _, spoiled, env = disks
    report = audit(spoiled, host=LocalHost(), env=env, expected=Expected(windows=PROMISED))
    found = {
        ident: words for ident, (status, words) in told(report).items() if status in ("failed", "warning")
    }
    assert report.system == "Windows Server 2016 Standard"
    assert "/dev/sda1 (ntfs): it is hibernated or was left by fast start" in found.pop("O-C9")
    assert found.pop("O-W3").startswith("2026-01-05 10:11:12, Error SYSPRP Package")
    words = {ident: text.split(";")[0] for ident, text in found.items()}
    assert words == {
        "O-W1": "IMAGE_STATE_UNDEPLOYABLE",
        "O-W5": "Start 3 (on demand)",
        "O-W12": r"SOFTWARE\Cloudbase Solutions\Cloudbase-Init\i-1",
        "O-W14": "AutoAdminLogon=1, DefaultPassword",
        "O-W19": "/hiberfil.sys",
        "O-W20": "testsigning on",
        "O-W22": "Windows Server 2016 Standard, ServerStandard, build 14393, Server",
        "O-W23": "builder (1001)",
        "O-W24": "/goldsmith",
    }


def test_sysprep_is_proved_by_its_traces_and_a_failed_one_gives_its_logs(disks, tmp_path):
    server, spoiled, env = disks
    good = prove(server, driver="qcow2", host=LocalHost(), env=env, logs=tmp_path / "none")
    assert (good.good, good.image_state, good.notes) == (True, GENERALIZED, ())
    assert not (tmp_path / "none").exists()
    poor = prove(spoiled, driver="qcow2", host=LocalHost(), env=env, logs=tmp_path / "logs")
    assert not poor.good
    assert f"the Store app {APP} was installed for one user only" in poor.cause
    assert poor.evidence == (ERROR,)
    log = tmp_path / "logs" / "windows-system32-sysprep-panther-setuperr.log"
    assert log.read_text() == f"{ERROR}\n"
    assert (tmp_path / "logs" / "goldsmith-build.log").read_text() == "built"
