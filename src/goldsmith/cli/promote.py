"""``goldsmith promote``, ``approve``, ``rollback`` and ``revoke``: what moves channels."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from goldsmith.cli.base import CatalogCommand, Settings, pass_settings
from goldsmith.cli.desk import desk, gate_table, named, tell
from goldsmith.cli.promote_abroad import Wish, brought
from goldsmith.promote import decide
from goldsmith.promote.changes import changes
from goldsmith.promote.facts import Facts
from goldsmith.promote.gates import refusals
from goldsmith.promote.version import split


@click.command(cls=CatalogCommand)
@click.argument("wanted", metavar="NAME[@VERSION]")
@click.option("--to", "channel", required=True, metavar="CHANNEL", help="The channel that is to have it.")
@click.option("--force", is_flag=True, help="Also when gates refuse; needs --reason.")
@click.option("--reason", default="", help="Why; the history keeps it.")
@click.option(
    "--if-current",
    "expected",
    metavar="VERSION",
    help="Only if the channel has this version now (none: if it has none).",
)
@click.option("--dry-run", is_flag=True, help="Only ask the gates.")
@click.option(
    "--to-catalog",
    "targets",
    metavar="NAME",
    multiple=True,
    help="Bring it to this catalog first, and move the channel there; may be repeated.",
)
@click.option(
    "--certificate",
    metavar="UUID",
    help="With --to-catalog: the secret there with the certificate of the image's signature.",
)
@named
@pass_settings
def promote(
    settings: Settings,
    *,
    wanted: str,
    channel: str,
    force: bool,
    reason: str,
    expected: str | None,
    dry_run: bool,
    targets: tuple[str, ...],
    certificate: str | None,
    who: str | None,
) -> int:
    """Let a channel point to a version, once all its gates let it in; no bytes are moved.

    Without VERSION it is the one in the channel before. Exit status 5 when a gate refuses.
    """
    recipe, version = split(wanted)
    if dry_run:
        return _asked(settings, desk(settings, who=who).facts(recipe), version, channel)
    wish = Wish(recipe, version, channel, force, reason, "" if expected == "none" else expected)
    if certificate and not targets:
        raise click.UsageError("--certificate is for --to-catalog")
    if targets:
        with _refusals_shown(settings):
            brought(settings, wish, targets, who=who, certificate=certificate)
        return 0
    with _refusals_shown(settings):
        event = desk(settings, who=who).act(recipe, wish.decide)
    if event and not settings.json and not settings.quiet:
        gate_table(settings, event.gates)
        for moved in event.moves[:1]:
            _changes(desk(settings, who=who).facts(recipe), moved.before, moved.after)
    tell(settings, event, otherwise=f"{channel} of {recipe} is there already")
    return 0


@contextmanager
def _refusals_shown(settings: Settings) -> Iterator[None]:
    try:
        yield
    except decide.Refused as refusal:
        if settings.json:
            gates = [vars(one) for one in refusal.gates]
            settings.emit({"changed": False, "event": None, "refused": refusal.version, "gates": gates})
        else:
            gate_table(settings, refusal.gates)
        raise


def _asked(settings: Settings, facts: Facts, version: str, channel: str) -> int:
    """Show what the gates say, and leave it there."""
    found = decide.wanted_version(facts, version, channel)
    gates = decide.verdicts(facts, found, channel)
    if settings.json:
        settings.emit({"version": found.name, "channel": channel, "gates": [vars(one) for one in gates]})
    else:
        gate_table(settings, gates)
        _changes(facts, facts.state.holds.get(channel, ""), found.version)
    if bad := refusals(gates):
        click.echo(f"{found.name}: {len(bad)} of {len(gates)} gates of {channel} refuse", err=True)
        return decide.Refused.exit_code
    return 0


def _changes(facts: Facts, before: str, after: str) -> None:
    """Say what the consumers of a channel get that is new to them."""
    if before and before != after and (found := changes(facts, before, after)):
        click.echo(f"since {before}: {found.told()}")
        click.echo(f"  goldsmith diff {facts.recipe}@{before} {facts.recipe}@{after} names each", err=True)


@click.command(cls=CatalogCommand)
@click.argument("wanted", metavar="NAME[@VERSION]")
@click.option("--to", "channel", required=True, metavar="CHANNEL", help="The channel that it may enter.")
@click.option("--comment", default="", help="Kept with the approval.")
@named
@pass_settings
def approve(settings: Settings, *, wanted: str, channel: str, comment: str, who: str | None) -> None:
    """Say yes, by name, to a version entering a channel whose gate `approvals` asks for persons."""
    recipe, version = split(wanted)
    event = desk(settings, who=who).act(
        recipe, lambda facts: decide.approval(facts, version, channel, comment=comment)
    )
    tell(settings, event, otherwise=f"{wanted} was approved for {channel} under this name already")


@click.command(cls=CatalogCommand)
@click.argument("recipe", metavar="NAME")
@click.option("--channel", required=True, metavar="CHANNEL", help="The channel that goes back.")
@click.option("--to", default="", metavar="VERSION", help="A version that was in the channel.")
@click.option("--reason", default="", help="Why; the history keeps it.")
@named
@pass_settings
def rollback(settings: Settings, *, recipe: str, channel: str, to: str, reason: str, who: str | None) -> None:
    """Point a channel back to the last version that was in it and is still good."""
    back = to.partition("@")[2] or to
    event = desk(settings, who=who).act(
        recipe, lambda facts: decide.rollback(facts, channel, to=back, reason=reason)
    )
    tell(settings, event, otherwise="")


@click.command(cls=CatalogCommand)
@click.argument("wanted", metavar="NAME@VERSION")
@click.option("--reason", required=True, help="Why; consumers will ask.")
@named
@pass_settings
def revoke(settings: Settings, *, wanted: str, reason: str, who: str | None) -> None:
    """Take a version out of all channels for good: hidden, deactivated, and never promoted again.

    Each channel goes back to its last good version; one that had no other is left empty.
    """
    recipe, version = split(wanted)
    if not version:
        raise click.UsageError("say which version: NAME@VERSION; a revocation cannot be taken back")
    event = desk(settings, who=who).act(
        recipe, lambda facts: decide.revocation(facts, version, reason=reason)
    )
    tell(settings, event, otherwise="")
