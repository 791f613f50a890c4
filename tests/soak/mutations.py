"""Recipes and templates with something wrong in them, by chance: in their structure or in their bytes."""

import random
import re
from typing import Any

import yaml

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**70,
    1e308,
    float("nan"),
    "",
    " ",
    "no",
    "7.10",
    "1 PiB",
    "-5 min",
    "{{ x }}",
    "{% for",
    "../../etc/passwd",
    "a\nb",
    "é\u202e\u2028\U0001d518\u0000",
    "x" * 70_000,
    [],
    {},
    [[[]]],
    {"a": {"b": [1]}},
    [None],
)
BYTES = (
    b"\t",
    b"\x00",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"\xc3",
    b"&a ",
    b"*a",
    b"!secret ",
    b"!!python/object:os.system ",
    b"<<: *a",
    b"{{",
    b"}}",
    b"{%",
    b"%}",
    b"{#",
    b"---\n",
    b"\r",
    b": ",
    b"- ",
    b"|\n",
    b"'",
    b'"',
    b"? ",
    b"\n\n  ",
)


def mutated_recipe(text: str, chance: random.Random) -> bytes:
    """Return a recipe with one to three faults."""
    data = text.encode()
    if chance.random() < 0.5:
        data = _structure(text, chance)
    for _ in range(chance.randrange(1, 3)):
        if chance.random() < 0.6:
            data = mutated_bytes(data, chance)
    return data


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    """Change, add, take out, cut off or repeat some bytes or lines."""
    at = chance.randrange(len(data) + 1)
    lines = data.splitlines(keepends=True) or [b""]
    line = chance.randrange(len(lines))
    match chance.randrange(7):
        case 0:
            return data[:at] + chance.choice(BYTES) + data[at:]
        case 1:
            return data[:at] + data[at + chance.randrange(1, 20) :]
        case 2:
            return data[:at]
        case 3:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 4:
            return b"".join([*lines[:line], lines[line], *lines[line:]])
        case 5:
            return b"".join([*lines[:line], b"\t" + lines[line], *lines[line + 1 :]])
        case _:
            other = chance.randrange(len(lines))
            lines[line], lines[other] = lines[other], lines[line]
            return b"".join(lines)


def _structure(text: str, chance: random.Random) -> bytes:
    document = yaml.load(re.sub(r"!secret\s+", "", text), Loader=yaml.BaseLoader)
    for _ in range(chance.randrange(1, 4)):
        _change_somewhere(document, chance)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=chance.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )


def _change_somewhere(node: Any, chance: random.Random) -> None:
    """Walk down at random and delete, rename, double or replace what is found."""
    while isinstance(node, dict | list) and node:
        keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = chance.choice(keys)
        below = node[key]
        if isinstance(below, dict | list) and below and chance.random() < 0.7:
            node = below
            continue
        match chance.randrange(5):
            case 0:
                del node[key]
            case 1 if isinstance(node, dict):
                node[chance.choice([f"{key}s", key[1:], key.upper(), "é", "", "a b", "__class__"])] = below
            case 2 if isinstance(node, dict):
                node[key] = [below, below]
            case 3 if isinstance(node, list):
                node.append(below)
            case _:
                node[key] = chance.choice(ODD)
        return
