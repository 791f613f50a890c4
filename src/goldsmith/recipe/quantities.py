"""Sizes and times as recipes write them: text with a unit outside, bytes and seconds inside."""

import re
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

SIZE_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
TIME_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
AGE_UNITS = {**TIME_UNITS, "d": 86400.0, "w": 604800.0}
SIZE_PATTERN = r"^\s*[0-9]+(\.[0-9]+)?\s*(KiB|MiB|GiB|TiB)\s*$"
AGE_PATTERN = r"^\s*[0-9]+(\.[0-9]+)?\s*(s|min|h|d|w)\s*$"
TIME_PATTERN = r"^\s*[0-9]+(\.[0-9]+)?\s*(s|min|h)\s*$"
_LIKELY = {
    "k": "KiB",
    "kb": "KiB",
    "m": "MiB",
    "mb": "MiB",
    "g": "GiB",
    "gb": "GiB",
    "t": "TiB",
    "tb": "TiB",
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "mins": "min",
    "minute": "min",
    "minutes": "min",
    "hour": "h",
    "hours": "h",
    "hr": "h",
    "day": "d",
    "days": "d",
    "week": "w",
    "weeks": "w",
}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def refuse(problem: str, fix: str = "") -> PydanticCustomError:
    """Return the error that tells a reader of the recipe what is wrong and what to write instead."""
    return PydanticCustomError("recipe", "{problem}", {"problem": problem, "fix": fix})


def parse_size(value: Any) -> int:
    """Return bytes from ``8 GiB``; raises PydanticCustomError that says what to write."""
    number, unit = _split(value, "size", SIZE_UNITS, "8 GiB")
    size = round(number * SIZE_UNITS[unit])
    if size <= 0:
        raise refuse(f"{value} is no size that can be used", "write more than 0")
    return size


def parse_time(value: Any) -> float:
    """Return seconds from ``45 min``; raises PydanticCustomError that says what to write."""
    number, unit = _split(value, "time", TIME_UNITS, "45 min")
    if number <= 0:
        raise refuse(f"{value} is no time that can be used", "write more than 0")
    return number * TIME_UNITS[unit]


def parse_age(value: Any) -> float:
    """Return seconds from ``3 d``; raises PydanticCustomError that says what to write."""
    number, unit = _split(value, "time", AGE_UNITS, "3 d")
    return number * AGE_UNITS[unit]


def _split(value: Any, what: str, units: dict[str, Any], example: str) -> tuple[float, str]:
    names = ", ".join(units)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise refuse(f"a {what} is wanted", f"write a number with a unit, such as {example}")
    match = _QUANTITY.fullmatch(str(value))
    if not match or len(match[1]) > 15:
        raise refuse(f"{str(value)[:60]!r} is no {what}", f"write a number with a unit, such as {example}")
    number, unit = match.groups()
    if not unit:
        raise refuse(f"{value} has no unit", f"write {number} with one of {names}, such as {example}")
    if unit not in units:
        likely = {name.lower(): name for name in units}.get(unit.lower()) or _LIKELY.get(unit.lower())
        likely = likely if likely in units else None
        raise refuse(
            f"{unit} is no unit of {what} here",
            f"write {number} {likely}" if likely else f"use one of {names}",
        )
    return float(number), unit


def as_tuple(value: Any) -> Any:
    """Let a YAML list stand for a tuple, also in strict models."""
    return tuple(value) if isinstance(value, list) else value


T = TypeVar("T")
Many = Annotated[tuple[T, ...], BeforeValidator(as_tuple)]
Size = Annotated[
    int,
    PlainValidator(parse_size),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["8 GiB", "512 MiB"]}),
]
Time = Annotated[
    float,
    PlainValidator(parse_time),
    WithJsonSchema({"type": "string", "pattern": TIME_PATTERN, "examples": ["45 min", "90 s", "2 h"]}),
]

Age = Annotated[
    float,
    PlainValidator(parse_age),
    WithJsonSchema({"type": "string", "pattern": AGE_PATTERN, "examples": ["3 d", "12 h", "2 w"]}),
]


def show_size(size: int) -> str:
    """Write bytes as a recipe does: ``8 GiB``."""
    for unit, factor in reversed(SIZE_UNITS.items()):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} bytes"
