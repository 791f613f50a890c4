"""docs/catalog.md names only commands and options that exist, and every operation of the manual has its row."""

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from goldsmith.cli.image import image
from goldsmith.cli.main import root
from goldsmith.recipe.project import load_project

PAGE = Path(__file__).parents[1] / "docs" / "catalog.md"
TEXT = PAGE.read_text(encoding="utf-8")
SECTIONS = ("1.1", "1.2.1", "1.2.1.3", "1.2.2", "1.2.3", "1.2.4", "1.2.4.1")


def commands():
    inline = re.findall(r"`(goldsmith [^`]+)`", TEXT)
    shown = re.findall(r"^\$ (goldsmith [^#\n]+)", TEXT, re.MULTILINE)
    return sorted({" ".join(one.replace("\\|", "|").split()) for one in (*inline, *shown)})


def named(text):
    """Return the command that a text names, and its options."""
    found, words = root, shlex.split(re.sub(r"[\[\]]", " ", text))[1:]
    with click.Context(root) as context:
        while words and isinstance(found, click.Group):
            below = found.get_command(context, words[0])
            assert below is not None, f"{text}: there is no {words[0]}"
            found, words = below, words[1:]
    return found, [part for word in words for part in word.split("|") if part.startswith("--")]


@pytest.mark.parametrize("text", commands())
def test_every_command_of_the_page_exists_with_its_options(text):
    command, options = named(text)
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    assert [one for one in options if one not in known] == []


def test_the_page_names_many_commands():
    assert len(commands()) > 25


def test_every_command_for_images_has_its_row():
    table = TEXT.partition("## Commands")[2].partition("\n## ")[0].replace("\\|", "|")
    named_there = {word for one in re.findall(r"`([^`]+)`", table) for word in re.split(r"[ |]", one)}
    assert isinstance(image, click.Group)
    groups = [one for one in image.commands.values() if isinstance(one, click.Group)]
    names = {*image.commands, *(name for one in groups for name in one.commands)}
    assert names - named_there == set()


def test_every_section_of_the_manual_about_images_has_its_rows():
    table = TEXT.partition("## The OpenStack manual's operations")[2].partition("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| 1")]
    assert {one[0].split()[0] for one in rows} == set(SECTIONS)
    assert [one for one in rows if len(one) != 3 or "goldsmith " not in one[2]] == []


def test_the_goldsmith_yaml_of_the_page_is_one(tmp_path):
    (text,) = [one for one in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if "catalogs:" in one]
    (tmp_path / "goldsmith.yaml").write_text(text)
    project = load_project(tmp_path)
    assert project.catalog == "production"
    assert project.catalogs["production"].format == "raw"
    assert project.catalogs["production"].largest == 64 << 30
    assert set(yaml.safe_load(text)) == {"catalog", "catalogs"}
