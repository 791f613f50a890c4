"""The same build told to each view; golden texts hold what a user reads (GOLDEN=write renews them)."""

import io
import json
import os
import time
from pathlib import Path

import pytest
from rich.console import Console

from goldsmith.cli.base import Settings
from goldsmith.cli.view import JsonLines, Quiet, console_reporter
from goldsmith.cli.view_live import LiveView
from goldsmith.cli.view_plain import PlainView
from goldsmith.cli.view_text import clean
from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    PhaseStarted,
    Progress,
    StageCached,
    StageFailed,
    StageFinished,
    StageOutlook,
    StageStarted,
    StageWaiting,
    ToolSaid,
    Warned,
)
from goldsmith.record import from_json

GOLDEN = Path(__file__).parents[1] / "golden" / "view"
BUILD = "demo-20260131-120000-ab12"
NAMES = ("fetch", "install", "step-1-packages", "export", "register")
IMAGE = {
    "id": "6f1c2d3e-1111-4a5b-8c9d-0123456789ab",
    "name": "demo-1.0-x86_64",
    "status": "active",
    "size": 412 * 2**20,
    "virtual_size": 4 * 2**30,
    "os_hash_algo": "sha256",
    "os_hash_value": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "goldsmith_sha256": "ab" * 32,
}


def outlook(*, cached=("fetch",)):
    times = dict(zip(NAMES, (None, 55.0, 20.0, 10.0, 1.0), strict=True))
    return tuple(
        StageOutlook(one, f"k{one}", one in cached, "" if one in cached else "not in the store", times[one])
        for one in NAMES
    )


def finished(*, ok=True, **more):
    image = IMAGE if ok else {}
    folder = f"/state/builds/{BUILD}"
    return BuildFinished(BUILD, "demo", ok, 93.0, 0.8, folder=folder, image=image, **more)


# (seconds since the start, event)
UNTIL_STEP = (
    (0, BuildStarted(BUILD, "demo", outlook())),
    (0, StageCached("fetch", "k")),
    (0, Warned("KVM does not run a guest here", "load kvm_intel or kvm_amd")),
    (0, StageStarted("install", "k", "not in the store", 55.0)),
    (3, PhaseStarted("install", "creating file systems")),
    (4, ToolSaid("install", "console", "\x1b[2J\x1b]0;owned\x07mkfs [bold]ext4[/bold]\r")),
    (12, PhaseStarted("install", "copying the system")),
    (20, Progress("install", 200 * 2**20, 812 * 2**20, "bytes")),
    (57, StageFinished("install", "k", 57.0, 800 * 2**20)),
    (57, StageStarted("step-1-packages", "k", "follows install", 20.0)),
    (58, ToolSaid("step-1-packages", "packages", "Reading package lists...")),
    (60, ToolSaid("step-1-packages", "console", "login:")),
    (61, ToolSaid("step-1-packages", "packages", "Setting up chrony ✓")),
    (61, ToolSaid("step-1-packages", "console", "[  OK  ] Started chrony")),
)
REST = (
    (80, StageFinished("step-1-packages", "k", 23.0, 90 * 2**20)),
    (80, StageWaiting("export", "k", "pid 4711 on build1")),
    (92, StageCached("export", "k")),
    (92, StageStarted("register", "k", "follows export", 1.0)),
    (93, StageFinished("register", "k", 0.6)),
    (93, finished(next_steps=("goldsmith image show demo-1.0-x86_64",))),
)
WHOLE = UNTIL_STEP + REST
ALL_CACHED = (
    (0, BuildStarted(BUILD, "demo", outlook(cached=NAMES))),
    *((0, StageCached(one, "k")) for one in NAMES),
    (93, finished()),
)
FAILED = (
    *UNTIL_STEP[:8],
    (30, StageFailed("install", 30.0, "no end marker\n  fix: look")),
    (30, finished(ok=False, exit_code=4, error="no end marker\n  fix: look")),
)
STOPPED = (*UNTIL_STEP, (62, finished(ok=False, exit_code=130, error="interrupted")))
STORIES = {"whole": WHOLE, "cached": ALL_CACHED, "failed": FAILED, "stopped": STOPPED}


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def play(view, clock, story):
    for at, event in story:
        clock.now = float(at)
        view.tell(event)


def stream(encoding="utf-8"):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)


def text_of(out):
    return out.buffer.getvalue().decode(out.encoding)


def compare(name, text):
    path = GOLDEN / f"{name}.txt"
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def plain(story, *, encoding="utf-8", verbose=False):
    out, clock = stream(encoding), Clock()
    with PlainView(out, verbose=verbose, clock=clock) as view:
        play(view, clock, story)
    return text_of(out)


@pytest.mark.parametrize("name", STORIES)
def test_plain_lines_read_as_in_the_golden_text(name):
    compare(f"plain-{name}", plain(STORIES[name]))


def test_verbose_lines_hold_what_every_tool_says():
    compare("plain-verbose", plain(UNTIL_STEP, verbose=True))


def test_a_console_without_unicode_gets_question_marks_and_no_crash():
    assert "Setting up chrony ?" in plain(WHOLE, encoding="ascii")


def test_a_silent_build_gives_a_sign_of_life():
    out = stream()
    with PlainView(out, heartbeat=0.05) as view:
        for _, event in UNTIL_STEP[:8]:
            view.tell(event)
        deadline = time.monotonic() + 5
        while text_of(out).count("still running") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert (
        "install: still running for 0.1 s (usually 55 s), copying the system, 200 MiB of 812 MiB, "
        "last line: mkfs [bold]ext4[/bold]\n" in text_of(out)
    )
    length = len(text_of(out))
    time.sleep(0.15)
    assert len(text_of(out)) == length


def snapshot(story, *, width=80, height=40, encoding="utf-8", later=0.0):
    """Return the frame that the live view would draw after ``story``."""
    out, clock = stream(encoding), Clock()
    console = Console(file=out, force_terminal=True, width=width, height=height, color_system=None)
    with LiveView(out, clock=clock, console=console) as view:
        play(view, clock, story)
        clock.now += later
        picture = Console(file=io.StringIO(), width=width, color_system=None)
        picture.print(view.frame())
        return picture.file.getvalue(), out


@pytest.mark.parametrize(
    ("name", "story", "options"),
    [
        ("install", UNTIL_STEP[:8], {}),
        ("step", UNTIL_STEP, {"later": 30.0}),
        ("waiting", WHOLE[:16], {}),
        ("end", WHOLE, {}),
        ("stopped", STOPPED, {}),
        ("failed", FAILED, {}),
        ("narrow", UNTIL_STEP, {"width": 40}),
        ("low", UNTIL_STEP, {"height": 8}),
        ("ascii", UNTIL_STEP[:8], {"encoding": "ascii"}),
    ],
)
def test_the_live_view_looks_as_in_the_golden_text(name, story, options):
    compare(f"live-{name}", snapshot(story, **options)[0])


@pytest.mark.parametrize("width", [1, 5, 20, 40, 200])
@pytest.mark.parametrize("height", [1, 2, 3, 5, 9, 50])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_no_frame_is_larger_than_its_terminal(width, height, encoding):
    text, _ = snapshot(UNTIL_STEP, width=width, height=height, encoding=encoding)
    text.encode(encoding)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, 3)


def test_the_live_view_leaves_the_stages_and_the_summary_on_the_screen():
    _, out = snapshot(WHOLE)
    shown = text_of(out)
    assert shown.endswith("next:\n  goldsmith image show demo-1.0-x86_64\n")
    end = shown[shown.rindex("\x1b[?25h") :]  # after the cursor is shown again
    assert "✓ install          57 s, 800 MiB" in end
    assert "demo: built in 1 min 33 s (Goldsmith's own share: 0.8 s)" in end


def test_the_live_view_draws_nothing_when_every_stage_is_cached():
    _, out = snapshot(ALL_CACHED)
    assert text_of(out).startswith("demo: nothing to do: every stage is cached (1 min 33 s)\n")
    assert "\x1b" not in text_of(out)


def test_the_cursor_comes_back_after_ctrl_c():
    out, clock = stream(), Clock()
    console = Console(file=out, force_terminal=True, width=80, height=20)
    view = LiveView(out, clock=clock, console=console)
    play(view, clock, UNTIL_STEP)
    with pytest.raises(KeyboardInterrupt), view:
        raise KeyboardInterrupt
    assert "\x1b[?25l" in text_of(out)
    assert "\x1b[?25l" not in text_of(out)[text_of(out).rindex("\x1b[?25h") :]
    view.tell(ToolSaid("install", "console", "a late line"))
    assert text_of(out).count("\x1b[?25l") == text_of(out).count("\x1b[?25h")


@pytest.mark.parametrize("verbose", [False, True])
def test_a_guest_cannot_send_commands_to_the_terminal(verbose):
    evil = (
        "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31m\x1bPq\x1b\\\x1b(0up\x08\x08\x7f\u202egnp.exe\u2066 [red]x[/red]"
    )
    story = (*UNTIL_STEP[:4], (5, ToolSaid("step-1-x", "run", evil)), (5, Warned(evil, evil)))
    out, clock = stream(), Clock()
    console = Console(file=out, force_terminal=True, width=80, height=20, color_system=None)
    with LiveView(out, clock=clock, console=console, verbose=verbose) as view:
        play(view, clock, story)
    assert "upgnp.exe [red]x[/red]" in text_of(out)
    for shown in (text_of(out), plain(story, verbose=verbose)):
        for bad in ("\x1b]", "\x1b[2J\x9b", "\x9b", "\x1bP", "\x1b(", "\x08", "\x7f", "\u202e", "\u2066"):
            assert bad not in shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain", "plain"),
        ("a\tb", "a b"),
        ("10 %\r20 %\r", "20 %"),
        ("\x1b[1;32mok\x1b[0m", "ok"),
        ("\x1b", ""),
        ("\x1b]0;title without end", ""),
        ("nul\0 bell\a", "nul bell"),
        ("line\u2028two", "line two"),
        ("日本語", "日本語"),
        ("\udcff", ""),
    ],
)
def test_text_is_made_harmless(said, shown):
    assert clean(said) == shown


def test_an_interrupted_stage_is_stopped_and_not_failed():
    text = plain((*UNTIL_STEP[:8], (30, StageFailed("install", 30.0, "KeyboardInterrupt"))))
    assert text.endswith("[   0:30] install: stopped after 30 s\n")


def test_what_is_said_before_the_build_begins_does_not_disturb_the_live_view():
    early = ((0, ToolSaid("", "kvm", "trying KVM")), (0, Warned("no KVM")))
    _, out = snapshot((*early, (1, finished(ok=False, exit_code=3))))
    assert text_of(out) == (
        "warning: no KVM\n\ndemo: failed after 1 min 33 s\n\n"
        f"  logs  /state/builds/{BUILD}\n  more  goldsmith show {BUILD}\n"
    )


def test_json_is_one_object_a_line_and_the_last_is_the_end():
    out, clock = stream(), Clock()
    with JsonLines(out, clock=clock) as view:
        play(view, clock, WHOLE)
    documents = [json.loads(line) for line in text_of(out).splitlines()]
    assert [from_json(one) for one in documents] == [event for _, event in WHOLE]
    assert documents[-1]["event"] == "BuildFinished"
    assert documents[-1]["image"] == IMAGE
    assert documents[-1]["time"] == "1970-01-01T00:01:33.000Z"


def test_json_stays_json_on_an_ascii_console():
    out = stream("ascii")
    JsonLines(out).tell(ToolSaid("a", "b", "✓ \udcff"))
    assert json.loads(text_of(out))["line"] == "✓ \udcff"


@pytest.mark.parametrize(("story", "shown"), [(WHOLE, f"{IMAGE['id']}\n"), (FAILED, "")])
def test_quiet_says_the_id_of_the_image_alone(story, shown):
    out = stream()
    with Quiet(out) as view:
        play(view, Clock(), story)
    assert text_of(out) == shown


@pytest.mark.parametrize(
    ("options", "terminal", "term", "kind"),
    [
        ({"json": True}, True, "xterm", "JsonLines"),
        ({"quiet": True}, True, "xterm", "Quiet"),
        ({}, True, "xterm", "LiveView"),
        ({}, True, "dumb", "PlainView"),
        ({}, False, "xterm", "PlainView"),
    ],
)
def test_the_view_fits_the_options_and_the_console(options, terminal, term, kind, monkeypatch):
    monkeypatch.setenv("TERM", term)
    view = console_reporter(Settings(**options), stdout_is_terminal=terminal, out=stream())
    assert type(view).__name__ == kind
