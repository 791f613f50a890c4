import os

import pytest

from goldsmith.media.installer.answers import Answers
from goldsmith.media.installer.boot import read_boot
from goldsmith.media.installer.kickstart import read_kickstart
from goldsmith.media.installer.machine import Machine

SEVEN = """cmdline
liveimg --url=file:///run/install/repo/LiveOS/payload.squashfs
lang en_US.UTF-8
keyboard --vckeymap=us --xlayouts='us'
timezone UTC --isUtc
rootpw --lock
zerombr
clearpart --all --initlabel
part / --fstype=ext4 --size=1024 --grow
bootloader --location=mbr --timeout=1 --append="console=tty0 console=ttyS0,115200n8"
poweroff
"""


@pytest.fixture
def kickstart(tmp_path):
    """Return a reader of kickstart text, as RHEL 7 unless said otherwise."""

    def read(text: str, generation: int = 7) -> Answers:
        path = tmp_path / "ks.cfg"
        path.write_text(text)
        return read_kickstart(path, generation)

    return read


@pytest.fixture
def machine(tmp_path):
    """Return a maker of machines whose new system is an empty folder."""

    def make(cmdline: str = "") -> Machine:
        root, logs = tmp_path / "sysimage", tmp_path / "logs"
        for folder in (root, logs):
            folder.mkdir(exist_ok=True)
        return Machine(read_boot(cmdline), root=root, logs=logs, env={"PATH": os.environ["PATH"]})

    return make


@pytest.fixture
def log_of():
    return lambda machine: (machine.logs / "anaconda.log").read_text()


@pytest.fixture
def seven():
    return SEVEN
