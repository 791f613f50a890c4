"""``goldsmith render``: every rendered file and the virt-install command, secrets masked."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.build import parse_values
from goldsmith.cli.recipes import with_stand_ins

if TYPE_CHECKING:
    from goldsmith.guests.machine import Machine
    from goldsmith.recipe.model import Recipe


@click.command(cls=Command)
@click.argument("recipe")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A variable of the recipe.")
@click.option("--iso", metavar="PATH", help="The installation medium; neither it nor this is needed.")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Write the files into this folder.")
@click.option("--xml", is_flag=True, help="Show the domain XML too; needs virt-install and libvirt.")
@pass_settings
def render(
    settings: Settings,
    *,
    recipe: str,
    pairs: tuple[str, ...],
    iso: str | None,
    folder: Path | None,
    xml: bool,
) -> None:
    """Show every rendered file and the virt-install command of a recipe, with secrets masked."""
    files = rendered_files(settings, recipe, parse_values(pairs, iso))
    if xml:
        files.update(_domain_xml(files["virt-install.sh"]))
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    if settings.json:
        settings.emit({"recipe": recipe, "files": files})
    elif folder:
        for name in files:
            click.echo(str(folder / name))
    else:
        for name, text in files.items():
            click.echo(f"# ---- {name}\n{text.rstrip()}\n")


def rendered_files(settings: Settings, recipe_name: str, values: dict[str, str]) -> dict[str, str]:
    """Return the files by name; nothing is looked up on the medium, so none need be there or even be named."""
    import json

    from goldsmith.compose import Where, build_machine, check, load, rendered, windows_answers
    from goldsmith.guests import FAMILIES
    from goldsmith.guests import machine as machines
    from goldsmith.host import libvirtd
    from goldsmith.host.process import LocalHost
    from goldsmith.recipe.secrets import References

    where = Where(settings.project, settings.state, libvirtd.default_uri())
    recipe = with_stand_ins(partial(load, recipe_name, where), values)
    kickstart = rendered(recipe, where, References())
    answers = windows_answers(recipe, where, References())
    check(recipe, kickstart, LocalHost(), answers=answers)
    family = FAMILIES[recipe.family]
    logs = (machines.anaconda_log(Path("anaconda.log")),) if family.anaconda_log else ()
    machine = replace(
        build_machine(recipe, where),
        name=f"goldsmith-{recipe.name}",
        description="goldsmith build=BUILD state=STATE",
        virt_type="kvm",
        osinfo=f"name={recipe.os}",
        disk=Path("disk.qcow2"),
        console=Path("console.log"),
        channels=(machines.AGENT, *logs),
    )
    if answers:
        command = _windows(recipe, machine)
    elif kickstart is None:  # nothing is installed: it is the first boot of the image
        command = machines.boot(replace(machine, channels=(machines.AGENT,)), seed=Path("seed.iso"))
    else:
        command = machines.install(
            machine,
            media=recipe.media.location,
            kickstart=Path("ks.cfg"),
            boot_arguments=(*family.boot_arguments, *recipe.install.boot_arguments),
        )
    return {
        **({"ks.cfg": kickstart.text} if kickstart else {}),
        **{path: one.text for path, one in answers.items()},
        "virt-install.sh": _script(command),
        "recipe.json": json.dumps(recipe.said(), indent=2, ensure_ascii=False) + "\n",
    }


def _windows(recipe: "Recipe", machine: "Machine") -> list[str]:
    from goldsmith.guests import machine as machines
    from goldsmith.stages.windows_table import hardware_of

    hardware = hardware_of(recipe)
    discs = (Path(Path(recipe.media.location).name), Path("virtio-win.iso"), Path("answers.iso"))
    return machines.windows(machine, discs=discs, tpm=hardware.tpm, secure_boot=hardware.secure_boot)


def _domain_xml(script: str) -> dict[str, str]:
    """Return what virt-install makes of the command with the libvirt of this host."""
    from goldsmith.guests.domain_xml import domain_xml, read_capabilities
    from goldsmith.host.process import LocalHost

    command, host = shlex.split(script.replace("\\\n", " ")), LocalHost()
    uri, machine_type = (command[command.index(option) + 1] for option in ("--connect", "--machine"))
    return domain_xml(host, command, read_capabilities(host, uri, machine_type))


def _script(command: Sequence[str]) -> str:
    """Return a command with one option on each line."""
    words = [
        f" \\\n  {shlex.quote(word)}" if word.startswith("--") else f" {shlex.quote(word)}"
        for word in command
    ]
    return "".join(words).lstrip() + "\n"
