"""The stand-in for the driver medium."""

import signal
import subprocess
import sys

from goldsmith.host.aside import remove_folders

MAKES = """
import sys
from pathlib import Path
from goldsmith.host.process import LocalHost
from goldsmith.media.windows_drivers import build_drivers
build_drivers(LocalHost(), Path(sys.argv[1]))
"""


def test_a_medium_that_a_kill_left_half_made_is_swept(tmp_path, fake_tool):
    fake_tool("xorriso", "kill -9 $PPID")
    out = tmp_path / "made" / "drivers.iso"
    done = subprocess.run([sys.executable, "-c", MAKES, out], check=False)
    assert done.returncode == -signal.SIGKILL
    (folder,) = remove_folders([out.parent])
    assert folder.name.startswith(".goldsmith-drivers.iso.")
    assert list(out.parent.iterdir()) == []
