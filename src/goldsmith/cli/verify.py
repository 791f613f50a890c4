"""``goldsmith verify``: whether an image is what it should be, and signed by whom it should be."""

import getpass
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from goldsmith.artifact.verification import Read, facts, read_once
from goldsmith.catalog.evidence import EvidenceKind
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import CatalogCommand, Settings, pass_settings
from goldsmith.cli.catalogs import cloud_catalog
from goldsmith.cli.image_output import progress
from goldsmith.cli.signer import trust
from goldsmith.cli.subjects import Subject, kept, of_cloud, subjects
from goldsmith.errors import GateError
from goldsmith.promote.attach import attach
from goldsmith.recipe.project import LOCAL
from goldsmith.signing.facts import Fact, Status, Trust
from goldsmith.signing.names import HashMethod

_FILE = click.Path(path_type=Path)
_COLORS = {Status.OK: "green", Status.FAILED: "bold red", Status.SKIPPED: "dim"}


@click.command(cls=CatalogCommand)
@click.argument("wanted", metavar="FILE|IMAGE|BUILD")
@click.option("--certificate", type=_FILE, help="The image must be signed by the key of this certificate.")
@click.option("--ca", "authorities", type=_FILE, help="... of a certificate that one of these vouches for.")
@pass_settings
def verify(settings: Settings, *, wanted: str, certificate: Path | None, authorities: Path | None) -> int:
    """Check an image against its manifest, its signature and its provenance.

    With --catalog it is an image of that cloud, whose bytes are read once and kept nowhere.
    With --certificate or --ca an image that is not signed is refused; what is found of an image of the catalog is then
    kept with it, for the gate `signature` of channels.
    """
    whom = trust(settings, certificate=certificate, authorities=authorities)
    if settings.catalog not in (None, LOCAL):
        return show(settings, wanted, [verify_in_cloud(settings, str(settings.catalog), wanted, whom)])
    found = []
    for one in subjects(settings, wanted):
        rows = verify_subject(settings, one, whom)
        found.append((one.label, rows))
        if whom.wanted and one.images:
            _remember(settings, one, rows)
    return show(settings, wanted, found)


def _remember(settings: Settings, subject: Subject, rows: Sequence[Fact]) -> None:
    """Keep the verdict with the images; without somebody to trust it would say nothing of who signed."""
    good = all(one.status is not Status.FAILED for one in rows)
    shown = [one for one in rows if one.id == "signature" or one.status is Status.FAILED]
    document = json.dumps({"checks": [asdict(one) for one in rows]}, indent=1).encode()
    attach(
        LocalCatalog(settings.state / "catalog"),
        [one.id for one in subject.images],
        EvidenceKind.SIGNATURE,
        document,
        who=getpass.getuser(),
        verdict=(good, "; ".join(one.detail for one in shown)),
    )


def verify_subject(settings: Settings, subject: Subject, whom: Trust) -> Sequence[Fact]:
    known = subject.evidence(settings, None)
    method = known.signature.method if known.signature else None
    with progress(settings, f"read {subject.label}", subject.path.stat().st_size) as on_bytes:
        read = read_once(subject.path, method, on_bytes=on_bytes)
    return facts(subject.label, read, subject.evidence(settings, read), whom)


def verify_in_cloud(settings: Settings, name: str, wanted: str, whom: Trust) -> tuple[str, Sequence[Fact]]:
    """Return the facts of an image in a cloud; its certificate is fetched from there where nobody gave it."""
    from goldsmith.catalog.glance_download import digests_of
    from goldsmith.catalog.glance_keys import PublishedCertificates

    cloud = cloud_catalog(settings, name)
    image = cloud.find(wanted)
    published = PublishedCertificates(cloud.api)

    def fetched(ident: str) -> str | None:
        return kept(settings).find(ident) or (None if whom.certificate else published.fetch(ident))

    evidence = of_cloud(settings, image.properties, fetched)
    more = hashlib.sha384() if evidence.signature and evidence.signature.method is HashMethod.SHA384 else None
    with progress(settings, f"read {image.name}", image.size) as on_bytes:
        digests = digests_of(cloud.api, image.id, on_bytes=on_bytes, on_block=more.update if more else None)
    read = Read(digests, more.hexdigest() if more else "")
    return image.name, facts(image.name, read, replace(evidence, registered=image.differences(digests)), whom)


def show(settings: Settings, wanted: str, found: Sequence[tuple[str, Sequence[Fact]]]) -> int:
    """Print all facts and return the exit code."""
    failed = [one for _, rows in found for one in rows if one.status is Status.FAILED]
    if settings.json:
        checks = [{"subject": label, **asdict(one)} for label, rows in found for one in rows]
        settings.emit({"subject": wanted, "ok": not failed, "checks": checks})
    else:
        for label, rows in found:
            _table(settings, label, rows)
    return GateError.exit_code if failed else 0


def _table(settings: Settings, label: str, rows: Sequence[Fact]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(no_color=not settings.color, highlight=False)
    if not console.is_terminal:
        console.width = 400  # whoever reads a pipe wants one line a fact
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in rows:
        if settings.quiet and one.status is not Status.FAILED:
            continue
        told = Text(one.detail + (f"\nfix: {one.fix}" if one.fix and one.status is Status.FAILED else ""))
        table.add_row(Text(one.status, _COLORS[one.status]), Text(one.id, "bold"), told)
    if table.row_count:
        console.print(table)
    if not settings.quiet:
        bad = any(one.status is Status.FAILED for one in rows)
        console.print(Text(f"{label}: {'refused' if bad else 'good'}"))
