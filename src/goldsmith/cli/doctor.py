"""``goldsmith doctor``."""

from collections.abc import Iterable
from dataclasses import asdict

import click
from rich.console import Console
from rich.text import Text

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.doctor import Check, Status, checks, mend
from goldsmith.errors import HostError
from goldsmith.host.libvirtd import default_uri
from goldsmith.host.process import LocalHost

_COLORS = {Status.OK: "green", Status.WARNING: "yellow", Status.FAIL: "bold red"}


@click.command(cls=Command)
@click.option("--fix", is_flag=True, help="First start libvirt and its network, and make the state folder.")
@click.option("--quick", is_flag=True, help="Leave out what starts a guest: KVM and libguestfs's appliance.")
@pass_settings
def doctor(settings: Settings, *, fix: bool, quick: bool) -> int:
    """Is this host fit? Each check says ok, warning or fail, and the command that mends it."""
    host, uri, state = LocalHost(), default_uri(), settings.state
    if fix:
        for done in mend(host, state=state, uri=uri):
            if not settings.quiet:
                click.echo(done, err=True)
    answers: Iterable[Check] = checks(host, state=state, uri=uri, quick=quick)
    if settings.json:
        answers = list(answers)
        settings.emit({"checks": [asdict(one) for one in answers]})
    else:
        answers = _shown(answers, settings)
    return HostError.exit_code if any(one.status is Status.FAIL for one in answers) else 0


def _shown(answers: Iterable[Check], settings: Settings) -> list[Check]:
    """Print each answer as it comes; a quiet doctor speaks of failures only."""
    console = Console(no_color=not settings.color, highlight=False, soft_wrap=True)
    seen = []
    for one in answers:
        seen.append(one)
        if settings.quiet and one.status is not Status.FAIL:
            continue
        line = Text.assemble(
            (f"{one.status:8}", _COLORS[one.status]), (f"{one.id:20}", "bold"), one.detail.strip()
        )
        console.print(line)
        if one.fix:
            console.print(Text(f"{'':8}fix: {one.fix}"))
    return seen
