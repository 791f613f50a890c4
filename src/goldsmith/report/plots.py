"""Small plots as SVG: how a figure went from build to build. Colours come from the page's style."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 400, 150  # about as wide as it is shown, so that its words can be read
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 26
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Point:
    """One build of a plot: ``label`` is told when one points at it, ``link`` leads to its page."""

    value: float
    label: str
    link: str
    short: str  # below the axis


def plot(points: Sequence[Point], *, title: str, unit: float, suffix: str) -> str:
    """Return an SVG of the points, oldest first; the axis begins at 0 and is told in ``unit``."""
    if len(points) < 2:
        return ""
    most = nice(max(point.value for point in points) / unit)
    width = (_WIDTH - _LEFT - _RIGHT) / (len(points) - 1)
    height = _HEIGHT - _TOP - _BOTTOM

    def place(at: int, value: float) -> tuple[float, float]:
        return _LEFT + at * width, _TOP + height * (1 - value / unit / most)

    spots = [place(at, point.value) for at, point in enumerate(points)]
    lines = [
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for part in (0, 0.5, 1):
        y = _TOP + height * (1 - part)
        told = f"{most * part:g}{suffix}"
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{told}</text>')
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    lines.append(f'<polyline class="line" points="{path}"/>')
    for (x, y), point in zip(spots, points, strict=True):
        lines.append(
            f'<a href="{escape(point.link)}"><circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4">'
            f"<title>{escape(point.label)}</title></circle></a>"
        )
    ends = ((spots[0], points[0], "start"), (spots[-1], points[-1], "end"))
    for (x, _), point, anchor in ends:
        lines.append(
            f'<text class="axis" x="{x:.1f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{escape(point.short)}</text>'
        )
    return "".join([*lines, "</svg>"])


def nice(most: float) -> float:
    """Return a round number that is not smaller."""
    if most <= 0:
        return 1.0
    power: float = 1.0
    while power * 10 <= most:
        power *= 10
    while power > most:
        power /= 10
    return next(step * power for step in _STEPS if step * power >= most * 0.9999)
