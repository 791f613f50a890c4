"""An installed stand-in system in a folder, for the tests of what runs in it."""

import io
import xml.etree.ElementTree as ET

import pytest

from goldsmith.media.windows_drivers import AGENT, ALL_DRIVERS, CLOUDBASE, files, package
from goldsmith.media.windows_setup import tree
from goldsmith.media.windows_setup.__main__ import ENVIRONMENT
from goldsmith.media.windows_setup.panther import Panther
from goldsmith.media.windows_setup.paths import Drives
from goldsmith.media.windows_setup.registry import Registry
from goldsmith.media.windows_setup.run import shell_on
from goldsmith.media.windows_setup.system import ImageState, System
from goldsmith.media.windows_setup.wim import WimImage

IMAGE = """<IMAGE INDEX="2"><NAME>Windows Server 2022 SERVERSTANDARD</NAME>
<WINDOWS><EDITIONID>ServerStandard</EDITIONID><INSTALLATIONTYPE>Server</INSTALLATIONTYPE>
<PRODUCTTYPE>ServerNT</PRODUCTTYPE><VERSION><MAJOR>10</MAJOR><MINOR>0</MINOR><BUILD>20348</BUILD></VERSION></WINDOWS>
<STANDIN><PRODUCT>Windows Server 2022 Standard</PRODUCT><RELEASEID>21H2</RELEASEID><DRIVERS>2k22</DRIVERS></STANDIN>
</IMAGE>"""


@pytest.fixture
def image():
    element = ET.fromstring(IMAGE)
    return WimImage(2, element.findtext("NAME", ""), element)


@pytest.fixture
def system(tmp_path, image):
    """Return a complete installation on C:, with the drivers' medium on E: and an answer medium on F:."""
    c, e, f, medium = (tmp_path / name for name in ("c", "e", "f", "medium"))
    (medium / "sources").mkdir(parents=True)
    for name in ("standin.krn", "standin.img", "standin.json"):
        (medium / "sources" / name).write_bytes(b"boots")
    tree.lay_down(c, medium)
    for name, data in files().items():
        (e / name).parent.mkdir(parents=True, exist_ok=True)
        (e / name).write_bytes(data)
    (f / "goldsmith").mkdir(parents=True)
    for name, facts in (("CloudbaseInitSetup", CLOUDBASE), ("qemu-ga", AGENT), ("drivers", ALL_DRIVERS)):
        (f / f"goldsmith/{name}.msi").write_bytes(package(facts))
    registry = Registry(c / "Windows/System32/config", c / "Users/Administrator/NTUSER.DAT")
    tree.fill_registry(registry, image)
    tree.out_of_setup(registry)
    drives = Drives({"C": c, "E": e, "F": f}, {"E": "virtio-win", "F": "GOLDSMITH"})
    panther = Panther(c / "Windows/Panther")
    screen, serial = io.StringIO(newline=""), io.StringIO(newline="")
    made = System(
        drives, registry, panther, screen, serial, environment=dict(ENVIRONMENT), running=tmp_path / "running"
    )
    made.set_state(ImageState.COMPLETE)
    return made


@pytest.fixture
def batch(system):
    """Return a runner of batch files; it gives the exit status and all that was printed."""

    def run(text: str, *args: str) -> tuple[int, str]:
        (system.c / "try.cmd").write_text(text)
        out = io.StringIO(newline="")
        shell = shell_on(system, out, out)
        shell.folder = "C:\\"
        code = shell.batch(r"C:\try.cmd", args)
        return code, out.getvalue().replace("\r\n", "\n")

    return run
