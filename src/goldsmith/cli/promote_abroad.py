"""``goldsmith promote --to-catalog``: a version is brought to other catalogs, and their channels are moved."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from goldsmith.cli.base import Settings
from goldsmith.cli.catalogs import open_catalog
from goldsmith.cli.desk import desk, gate_table, moves_told
from goldsmith.errors import UsageError
from goldsmith.promote import decide
from goldsmith.promote.event import Event, State
from goldsmith.promote.facts import Facts
from goldsmith.promote.gates import refusals, unforceable
from goldsmith.promote.transfer import Transfer
from goldsmith.promote.version import Version
from goldsmith.recipe.project import load_project


@dataclass(frozen=True)
class Wish:
    """What somebody wants promoted."""

    recipe: str
    version: str  # empty: the one that the channel before has
    channel: str
    force: bool
    reason: str
    expected: str | None

    def decide(self, facts: Facts) -> Event | None:
        return self._decided(facts, self.version, "", None)

    def decide_abroad(self, facts: Facts, version: str, origin: str, abroad: State) -> Event | None:
        return self._decided(facts, version, origin, abroad)

    def _decided(self, facts: Facts, version: str, origin: str, abroad: State | None) -> Event | None:
        return decide.promotion(
            facts,
            version,
            self.channel,
            force=self.force,
            reason=self.reason,
            expected=self.expected,
            origin=origin,
            abroad=abroad,
        )


def brought(
    settings: Settings, wish: Wish, targets: Sequence[str], *, who: str | None, certificate: str | None
) -> None:
    """Bring a version to each catalog in turn and move its channel there; what is done already is not done again."""
    source_name = settings.catalog or load_project(settings.project).catalog
    if source_name in targets:
        raise UsageError(f"{source_name} has it already", fix="name another catalog with --to-catalog")
    source = desk(settings).facts(wish.recipe)
    version = _meant(source, wish)
    events = []
    for name in targets:
        place = desk(settings, who=who, name=name)
        _ask_first(place.facts(wish.recipe), version, wish, source.state)
        _note(settings, f"{version.name}: {source_name} -> {name}")
        transfer = Transfer(
            source=open_catalog(settings),
            source_name=source_name,
            target=open_catalog(settings, name),
            target_name=name,
            folder=settings.state / "transfer",
            certificate=certificate,
        )
        images = transfer.bring(version)
        _note(
            settings,
            f"{name} has {', '.join(f'{one.disk_format} {one.id}' for one in images)}, compared by digest",
        )

        def decided(facts: Facts, number: str = version.version) -> Event | None:
            return wish.decide_abroad(facts, number, source_name, source.state)

        event = place.act(wish.recipe, decided)
        events.append((name, event))
        if not settings.json:
            _told(settings, name, version, wish, event)
    if settings.json:
        done = [{"catalog": name, "event": one.as_json() if one else None} for name, one in events]
        settings.emit({"changed": any(one for _, one in events), "catalogs": done})


def _meant(source: Facts, wish: Wish) -> Version:
    """Return the version that is brought: as said, else what this channel has here, else the one before it."""
    if not wish.version and (held := source.state.holds.get(source.channel(wish.channel).name)):
        return source.version(held)
    return decide.wanted_version(source, wish.version, wish.channel)


def _ask_first(facts: Facts, version: Version, wish: Wish, abroad: State) -> None:
    """Refuse what the gates there would refuse, before gigabytes are sent for nothing."""
    gates = decide.verdicts(facts, version, wish.channel, abroad=abroad)
    if unforceable(gates) or (refusals(gates) and not wish.force):
        raise decide.Refused(version, wish.channel, gates)


def _told(settings: Settings, name: str, version: Version, wish: Wish, event: Event | None) -> None:
    if event is None:
        click.echo(f"{name}: {wish.channel} of {wish.recipe} is at {version.version} already")
        return
    if not settings.quiet:
        gate_table(settings, event.gates)
    click.echo(f"{name}: {version.name} {event.kind}: {moves_told(event)}")


def _note(settings: Settings, text: str) -> None:
    if not settings.quiet and not settings.json:
        click.echo(text, err=True)
