"""Whatever a file holds, the reader answers with a recipe or with RecipeError, and never with another exception."""

import random
import string
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldsmith.errors import RecipeError

GOOD = """\
name: r
family: small
summary: "{{ who | default('you') }}"
machine: {memory: 2 GiB, vcpus: 2, timeouts: {install: 60 min}}
install: {packages: [a, b], variables: {key: !secret env:KEY, n: 7}}
customize:
  - packages: {update: all, install: [cloud-init]}
    refresh: weekly
  - cloud_init: {add_module: resolv-conf, default_user: me, drop_ins: {a.cfg: "x: 1"}}
  - write: {path: /etc/motd, content: "Built\\n", mode: "0644"}
  - run: |
      echo
export:
  - &x {format: qcow2, compression: zlib}
catalog: {name: "r-{{ version }}", min_disk: auto, properties: {os_version: "7.9"}}
"""
PIECES = (
    *string.printable,
    "{{",
    "}}",
    "{%",
    "%}",
    "&x ",
    "*x",
    "!secret ",
    "null",
    "- ",
    ": ",
    "\n  ",
    "\0",
    "é",
    "\ue000",
)
EDITS = st.lists(
    st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=4
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS)
def test_a_mutated_recipe_is_read_or_refused(load_file, tmp_path, edits):
    text = GOOD
    for start, length, piece in edits:
        text = text[:start] + piece + text[start + length :]
    read(load_file, tmp_path / "r.yaml", text.encode())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_a_recipe_with_its_parts_shuffled_is_read_or_refused(load_file, tmp_path, chance: random.Random):
    words = GOOD.split(" ")
    for _ in range(3):
        words[chance.randrange(len(words))] = chance.choice(
            [*words, "[1, {a: 2}]", "{append: [x]}", "7.1", "[]", "{}"]
        )
    read(load_file, tmp_path / "r.yaml", " ".join(words).encode())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_bytes_are_read_or_refused(load_file, tmp_path, data):
    read(load_file, tmp_path / "r.yaml", data)


def read(load_file, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        said = f"{path}: {load_file(path).said()}"
    except RecipeError as error:
        said = error.text()
    assert str(path) in said
