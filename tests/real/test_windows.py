"""Windows Server on the stand-in media: from the recipe to an entry of the catalog, and the ways in which it fails.

The stand-in is no Windows: what its Setup, Sysprep and installers do is their emulation (docs/standin-windows.md). The
answer disc, the machine, the scripts, the agent's protocol, the reading of the disk and everything after are real.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from goldsmith.host.locks import locked

from .conftest import Finished, Goldsmith

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("windows")]

MEDIA = {
    "iso": "goldsmith-standin-windows2022",
    "drivers": "goldsmith-standin-virtio-win",
    "cloudbase_init": "goldsmith-standin-cloudbase-init",
}
RECIPE = """\
name: windows-standin
extends: windows2022
machine: {memory: 2 GiB, timeouts: {install: 40 min, silence: 15 min, boot: 15 min, without_kvm: 1}}
customize:
  - name: by-powershell
    run: Write-Output 'from PowerShell'
  - name: by-cmd
    run: {script: echo from cmd, interpreter: cmd}
  - write: {path: 'C:\\Tools\\motd.txt', content: Built by Goldsmith}
  - reboot: true
"""
PENDING = r"""
customize:
  - name: half-an-update
    run:
      interpreter: cmd
      script: reg add "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired" /f
"""


@dataclass(frozen=True)
class Subject:
    """A build on the stand-in media."""

    goldsmith: Goldsmith
    done: Finished

    @property
    def folder(self) -> Path:
        begun = next(
            one["build"] for one in self.done.events if "build" in one
        )  # warnings may come before it
        return self.goldsmith.state / "builds" / str(begun)

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(errors="replace")


def build(state: Path, folder: Path, *, recipe: str = RECIPE, **media: str) -> Subject:
    (folder / "recipes").mkdir(parents=True, exist_ok=True)
    (folder / "recipes" / "windows-standin.yaml").write_text(recipe)
    goldsmith = Goldsmith(state, folder)
    given = {**MEDIA, **media}
    words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    return Subject(goldsmith, goldsmith.build("windows-standin", "--no-boot-test", *words))


@pytest.fixture(scope="session")
def windows(shared_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Build it once for all tests of this run."""
    kept, project = shared_state / "windows-standin.json", tmp_path_factory.mktemp("windows")
    with locked(shared_state / "windows-standin.lock"):
        if kept.exists() and kept.stat().st_mtime > (shared_state / "session").stat().st_mtime:
            return Subject(Goldsmith(shared_state, project), Finished(**json.loads(kept.read_text())))
        subject = build(shared_state, project)
        kept.write_text(json.dumps(asdict(subject.done)))
        return subject


def test_a_build_goes_from_the_recipe_to_an_active_entry(windows):
    assert windows.done.code == 0, windows.done.end["error"]
    image = windows.done.end["image"]
    assert (image["status"], image["os_type"], image["os_version"]) == ("active", "windows", "2022")
    assert windows.done.stages("StageFinished") == [
        *("fetch", "install", "updates", "step-1-by-powershell", "step-2-by-cmd"),
        *("step-3-write", "step-4-reboot", "sysprep", "sparsify", "export", "audit", "seal", "register"),
    ]
    windows.goldsmith.nothing_left("windows-standin")


def test_setup_boots_more_than_once_and_its_scripts_tell_how_far_they_are(windows):
    phases = [one["phase"] for one in windows.done.events if one["event"] == "PhaseStarted"]
    assert "Windows Setup, boot 2" in phases
    assert phases.index("installing drivers") < phases.index("installing Cloudbase-Init")


def test_the_steps_say_in_their_logs_what_they_did(windows):
    assert "from PowerShell" in windows.text("logs/step-1-by-powershell.log")
    assert "from cmd" in windows.text("logs/step-2-by-cmd.log")


def test_screens_are_kept_and_the_answer_disc_with_its_password_is_not(windows):
    assert list((windows.folder / "screenshots").glob("install-*"))
    assert not list(windows.goldsmith.state.glob("run/*/answers.iso"))
    assert "GOLDSMITH-SECRET" in windows.text("rendered/Autounattend.xml")


def test_nothing_is_built_twice(windows, tmp_path):
    again = build(windows.goldsmith.state, tmp_path)
    assert again.done.code == 0
    assert again.done.stages("StageStarted") == []


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        (
            {"drivers": "goldsmith-standin-virtio-win-without-2k22"},
            "windows2022.yaml:21:",
            (
                "goldsmith-standin-virtio-win-without-2k22 has not what Windows Server 2022 needs: "
                "the folder viostor/2k22/amd64"
            ),
        ),
        (
            {"iso": "goldsmith-standin-windows2022-evaluation"},
            "windows2022.yaml:20:",
            "fix: say windows.product_key: none, or give the medium of the full product",
        ),
        (
            {"iso": "goldsmith-standin-windows2019"},
            "windows2022.yaml:5:",
            (
                "goldsmith-standin-windows2019 installs Windows Server 2019 (build 17763), "
                "and not Windows Server 2022"
            ),
        ),
        (
            {"product_key": "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"},
            "windows2022.yaml:20:",
            "the product key is the generic one of ServerDatacenter",
        ),
        (
            {"image_name": "Windows Server 2022 SERVERWEB"},
            "windows2022.yaml:19:",
            "goldsmith-standin-windows2022 has no image Windows Server 2022 SERVERWEB",
        ),
        (
            {"cloudbase_init": "/nowhere/CloudbaseInitSetup_x64.msi"},
            "windows2022.yaml:22:",
            "/nowhere/CloudbaseInitSetup_x64.msi",
        ),
        (
            {"cloudbase_init": "goldsmith-standin-virtio-win"},
            "windows2022.yaml:22:",
            "goldsmith-standin-virtio-win is no Windows Installer package",
        ),
    ],
    ids=["drivers", "evaluation", "other-windows", "key", "image", "no-msi", "not-an-msi"],
)
def test_media_that_do_not_fit_are_refused_before_the_machine_starts(
    shared_state, tmp_path, given, place, words
):
    subject = build(shared_state, tmp_path, **given)
    error = str(subject.done.end["error"]) if subject.done.events else subject.done.err
    assert subject.done.code == 2, error
    assert words in error
    assert f"recipes/{place}" in error
    assert "fix: " in error
    assert "PhaseStarted" not in [
        one["event"] for one in subject.done.events if one.get("phase") == "booting"
    ]


def test_a_setup_that_waits_at_a_window_is_stopped_and_its_screen_is_kept(shared_state, tmp_path):
    """The window refuses the key, for ever, before there is a disk to keep logs on: only its picture tells."""
    text = RECIPE.replace("silence: 15 min", "silence: 2 min")
    subject = build(shared_state, tmp_path, recipe=text, iso="goldsmith-standin-windows2022-wrong-key")
    error = str(subject.done.end["error"])
    assert subject.done.code == 4, error
    assert "the guest has written nothing to its disk for 2 min (phase 'Windows Setup', boot 1" in error
    assert "Setup has not come to the disk: it asks for a key" in error
    assert list((subject.folder / "screenshots").glob("install-failure*"))
    subject.goldsmith.nothing_left("windows-standin")


def test_a_sysprep_that_gives_up_is_told_with_its_cause_and_its_logs_are_kept(windows, tmp_path):
    """A step left a restart undone; the layers before it are those of the build that is good."""
    recipe = f"{RECIPE.partition('customize:')[0]}{PENDING}"
    subject = build(windows.goldsmith.state, tmp_path, recipe=recipe)
    error = str(subject.done.end["error"])
    assert subject.done.code == 4, error
    assert "updates wait for a reboot" in error
    assert "a customize step that reboots before Sysprep" in error
    assert "install" not in subject.done.stages("StageStarted")
    assert [one.name for one in (subject.folder / "logs" / "windows").iterdir() if "sysprep" in one.name]
    assert list((subject.folder / "screenshots").glob("sysprep-failure*"))
    subject.goldsmith.nothing_left("windows-standin")
