"""The road of a Windows guest, whose agent comes and goes, played by a hypervisor that runs nothing."""

import base64
from pathlib import Path

import pytest

from goldsmith.audit.check import Profile
from goldsmith.boottest.facts import Heard
from goldsmith.boottest.seed import new_instance
from goldsmith.boottest.windows import boot_windows
from goldsmith.errors import GuestError
from goldsmith.guests.console import ConsoleFile
from goldsmith.guests.machine import Machine
from goldsmith.guests.windows_session import WindowsSession
from goldsmith.host.hypervisor import DomainState

from .sample import trial

SETUP = "@@image-state\nIMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE\n@@cloudbase\n@@hostname\nWIN-X\n@@end\n"
DONE = "@@image-state\nIMAGE_STATE_COMPLETE\n@@cloudbase\nthere\nPlugins execution done\n@@hostname\nBOOT1\n@@end\n"


class Played:
    """A hypervisor with one guest; ``answers`` are its agent's, one for each time it is asked: "" is silence."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.on = True
        self.asked = 0

    def state(self, name):
        return DomainState.RUNNING if self.on else DomainState.SHUTOFF

    def agent_ready(self, name):
        if self.answers and self.answers[0] == "":
            self.answers.pop(0)
            return False
        return bool(self.answers)

    def agent(self, name, command, arguments=None, *, timeout=10):
        if command == "guest-exec":
            self.asked += 1
            return {"pid": 1}
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if said == "reset":
            raise GuestError("the agent is gone")
        return {"exited": True, "exitcode": 0, "out-data": base64.b64encode(said.encode()).decode()}

    def shutdown(self, name, *, button=False):
        assert button, "the agent would be another test"
        self.on = False


def boot(played, tmp_path, *, timeout=5.0, whole=True):
    machine = Machine(
        name="w", uri="", description="", virt_type="", memory=0, vcpus=1, osinfo="", machine_type="q35",
        firmware="uefi", disk=Path(), bus="virtio", network="user", console=tmp_path / "console",
    )  # fmt: skip
    instance, heard = new_instance(1, legacy=False), Heard()
    session = WindowsSession(
        hypervisor=played,
        machine=machine,
        console=ConsoleFile(machine.console),
        on_console=heard.take,
        boot_timeout=timeout,
        resets=lambda: 0,
    )
    return boot_windows(
        session, instance, heard, timeout=timeout, whole=whole, tell=lambda text: None, every=0.01
    )


def test_it_waits_until_setup_and_cloudbase_init_are_done(tmp_path):
    played = Played("", "", SETUP, "", SETUP, DONE)
    found = boot(played, tmp_path)
    assert found.word("image-state") == "IMAGE_STATE_COMPLETE"
    assert found.word("hostname") == "BOOT1"
    assert played.asked == 3
    assert found.off is not None
    assert not played.on


def test_a_second_instance_is_left_on(tmp_path):
    played = Played(DONE)
    assert boot(played, tmp_path, whole=False).off is None
    assert played.on


def test_one_that_stands_in_its_setup_is_reported_with_what_it_said(tmp_path):
    found = boot(Played(SETUP), tmp_path, timeout=0.3)
    assert found.word("image-state") == "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE"


def test_one_that_never_answers_never_came_up(tmp_path):
    with pytest.raises(GuestError, match="its guest agent never answered"):
        boot(Played(), tmp_path, timeout=0.3)


def test_one_that_goes_off_by_itself_is_told(tmp_path):
    played = Played(SETUP)
    played.on = False
    with pytest.raises(GuestError, match="is shut off while it was waited for"):
        boot(played, tmp_path)


def test_a_windows_needs_no_ssh(tmp_path):
    assert trial(Profile.WINDOWS).first.ssh is None


def test_a_guest_that_starts_again_and_again_is_told_by_what_fails(tmp_path):
    log = Path(__file__).parents[1] / "consoles" / "windows-start-loop.txt"
    (tmp_path / "console").write_text(log.read_text())
    with pytest.raises(
        GuestError, match=r"restarts the guest again and again: it runs NetworkConfigPlugin"
    ) as told:
        boot(Played(""), tmp_path)
    assert "cloudbase.plugins" in told.value.fix
    assert told.value.evidence


def start_of(number, *, lines=40, ends="LastPlugin"):
    """Return what one start of Cloudbase-Init writes, which is much: a plugin, chatter, and the one that restarts."""
    head = f"2024-03-05 10:{number:02}:00.000 1288 "
    plugin = f"{head}INFO cloudbaseinit.init [-] Executing plugin "
    chatter = f"{head}DEBUG cloudbaseinit.utils.network [-] nothing of interest\n" * (lines - 2)
    return f"{plugin}'MTUPlugin'\n{chatter}{plugin}'{ends}'\n"


def test_a_loop_is_found_however_much_each_start_writes(tmp_path):
    (tmp_path / "console").write_text("".join(map(start_of, range(50))))
    with pytest.raises(GuestError, match=r"again and again: it runs LastPlugin each time\n"):
        boot(Played(""), tmp_path)


def test_a_loop_is_found_as_it_grows(tmp_path):
    class Restarting(Played):
        starts = 0

        def agent_ready(self, name):
            self.starts += 1
            with (tmp_path / "console").open("a") as console:
                console.write(start_of(self.starts))
            return False

    played = Restarting()
    with pytest.raises(GuestError, match="again and again"):
        boot(played, tmp_path)
    assert played.starts == 4


def test_a_few_starts_with_much_to_say_are_no_loop(tmp_path):
    (tmp_path / "console").write_text("".join(start_of(at, lines=500) for at in range(3)))
    assert boot(Played(DONE), tmp_path).word("hostname") == "BOOT1"


def test_an_image_that_the_firmware_does_not_start_is_told_at_once(tmp_path):
    (tmp_path / "console").write_text("UEFI Interactive Shell v2.2\nShell> ")
    with pytest.raises(GuestError, match="ended in the UEFI shell while it was waited for") as told:
        boot(Played(""), tmp_path)
    assert "machine.firmware" in told.value.fix
