"""Make the terminal picture of the README from the record of a real build.

    .venv/bin/python docs/picture.py BUILD docs/terminal.svg                  what stays on the screen
    .venv/bin/python docs/picture.py BUILD docs/running.svg --at 40           what it showed after 40 s

BUILD is a folder of `builds/`, or what `goldsmith show` takes. The events of the record are told to the live view
by their own clock, so the picture is what this build drew; nothing is written by hand but the prompt.
"""

import argparse
import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from goldsmith.cli.base import default_state
from goldsmith.cli.view_live import LiveView
from goldsmith.events import BuildStarted, Warned
from goldsmith.record import BuildRecord, Told, events_from, find

SHOW_CURSOR = "\x1b[?25h"  # the live view ends with it; what follows stays on the screen
# As rich's own format, but without fonts from elsewhere: a README may not load them.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>{command}</title>
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("build", help="a folder of builds/, an id, or a recipe for its newest build")
    parser.add_argument("picture", type=Path, help="the SVG to write")
    parser.add_argument("--at", type=float, help="seconds after the start; without it the end of the build")
    parser.add_argument("--command", default="make demo", help="what stands at the prompt")
    parser.add_argument("--width", type=int, default=92, help="columns of the terminal")
    given = parser.parse_args()
    folder = Path(given.build)
    record = BuildRecord(folder) if folder.is_dir() else find(default_state() / "builds", given.build)
    told = list(events_from(record.folder))
    screen = drawn(told, width=given.width, at=given.at)
    canvas = Console(record=True, width=given.width, file=io.StringIO(), force_terminal=True)
    canvas.print(Text(f"$ {given.command}", style="bold"))
    canvas.print(Text.from_ansi(screen.rstrip("\n") + "\n"))
    form = FORMAT.replace("{command}", given.command)
    given.picture.write_text(
        canvas.export_svg(title="", theme=MONOKAI, code_format=form, unique_id="goldsmith"), encoding="utf-8"
    )


def drawn(told: list[Told], *, width: int, at: float | None) -> str:
    """Return what the live view showed, with its colours, ``at`` seconds after the start or at the end."""
    start = next((one.at for one in told if isinstance(one.event, BuildStarted)), 0.0)
    now = start
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=50, color_system="standard")
    warned = [one.event for one in told if isinstance(one.event, Warned)]
    warnings = [f"\x1b[33mwarning: {one.text}\n  fix: {one.fix}\x1b[0m\n" for one in warned]
    with LiveView(out, console=console, clock=lambda: now) as view:
        for one in told:
            if at is not None and one.at > start + at:
                break
            now = one.at
            view.tell(one.event)
        if at is None:
            before, _, after = out.getvalue().rpartition(SHOW_CURSOR)
            return "".join(warnings) + after if before else after
        now = start + at
        still = io.StringIO()
        Console(file=still, force_terminal=True, width=width, color_system="standard").print(view.frame())
    return "".join(warnings) + still.getvalue()


if __name__ == "__main__":
    main()
