"""``goldsmith sign``: sign images on this host by a key and its certificate."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.artifact.verification import AGAIN, Read, differences, read_once
from goldsmith.catalog.entry import Changes
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import CatalogCommand, Settings, pass_settings
from goldsmith.cli.catalogs import cloud_catalog
from goldsmith.cli.image_output import progress
from goldsmith.cli.signer import PASSPHRASE, signer
from goldsmith.cli.subjects import Subject, kept, subjects, with_signature
from goldsmith.errors import GateError, UsageError
from goldsmith.recipe.project import LOCAL
from goldsmith.signing import detached
from goldsmith.signing.certificates import Certificate
from goldsmith.signing.detached import Detached
from goldsmith.signing.names import HashMethod
from goldsmith.signing.places import KeyPlace, key_place
from goldsmith.signing.signature import sign as signature_of
from goldsmith.signing.signer import Signer

if TYPE_CHECKING:
    from goldsmith.catalog.glance import GlanceCatalog

_FILE = click.Path(path_type=Path)


@click.command(cls=CatalogCommand)
@click.argument("wanted", metavar="FILE|IMAGE|BUILD")
@click.option(
    "--key", type=key_place, metavar="FILE|URI", help="PEM file of the private key, or its pkcs11: URI."
)
@click.option("--passphrase", metavar="REFERENCE", help=PASSPHRASE)
@click.option("--certificate", type=_FILE, help="PEM file of its certificate, and of those above it.")
@click.option(
    "--hash", "method", type=click.Choice([one.value for one in HashMethod]), help="Default: SHA-256."
)
@click.option(
    "--publish-certificate", "publish", is_flag=True, help="Put it into the Barbican of the cloud --catalog."
)
@click.option(
    "--reader",
    "readers",
    multiple=True,
    metavar="USER-ID",
    help="Let a user of another project read the published certificate, too. Repeatable.",
)
@pass_settings
def sign(
    settings: Settings,
    *,
    wanted: str,
    key: KeyPlace | None,
    passphrase: str | None,
    certificate: Path | None,
    method: str | None,
    publish: bool,
    readers: Sequence[str],
) -> None:
    """Sign an image as it is now: a FILE gets FILE.sig beside it, an IMAGE of the catalog its properties, and a
    BUILD both for each of its files.
    """  # noqa: D205
    cloud = _cloud(settings, publish=publish, readers=readers)
    who = signer(settings, key=key, passphrase=passphrase, certificate=certificate, method=method)
    found = subjects(settings, wanted)
    ident = publish_to(cloud, who.certificate, readers) if cloud else ""
    done = [(one, sign_subject(settings, one, who, published=ident)) for one in found]
    if settings.json:
        settings.emit([{"subject": one.label, **made.as_json()} for one, made in done])
    elif not settings.quiet:
        for one, made in done:
            where = f"; certificate {ident} in {cloud.name}" if cloud else ""
            click.echo(f"{one.label}: signed, {made.signature.kind} with {made.signature.method}{where}")


def publish_to(cloud: "GlanceCatalog", certificate: Certificate, readers: Sequence[str] = ()) -> str:
    """Return the id of a certificate in the cloud's Barbican, where it is put if it is not there."""
    from goldsmith.catalog.glance_keys import PublishedCertificates

    published = PublishedCertificates(cloud.api)
    ident = published.publish(certificate.pem, certificate.fingerprint)
    if readers:
        published.let_read(ident, readers)
    return ident


def _cloud(settings: Settings, *, publish: bool, readers: Sequence[str]) -> "GlanceCatalog | None":
    if not publish:
        if readers or settings.catalog not in (None, LOCAL):
            raise UsageError(
                "--catalog and --reader say where a certificate is published",
                fix="add --publish-certificate; to sign an image that is in a cloud already, push it again signed",
            )
        return None
    if settings.catalog is None:
        raise UsageError("--publish-certificate does not say where", fix="name the cloud with --catalog")
    return cloud_catalog(settings, settings.catalog)


def sign_subject(settings: Settings, subject: Subject, who: Signer, *, published: str = "") -> Detached:
    """Sign one image and note it where its evidence lies; ``published`` is the id of the certificate in a cloud."""
    size = subject.path.stat().st_size
    with progress(settings, f"read {subject.label}", size) as on_bytes:
        read = read_once(subject.path, who.method, on_bytes=on_bytes)
    _unchanged(settings, subject, read)
    made = Detached(
        file=subject.label,
        size=read.digests.size,
        sha256=read.digests.sha256,
        signature=signature_of(who.key, who.method, read.of(who.method)),
        certificate=who.certificate,
    )
    ident = published or (kept(settings).keep(who.certificate.chain_pem) if subject.images else "")
    if published:
        kept(settings).keep(who.certificate.chain_pem, published)
    made = made.named(published)
    _note(settings, subject, made, ident)
    return made


def _note(settings: Settings, subject: Subject, made: Detached, ident: str) -> None:
    if subject.signature:
        subject.signature.parent.mkdir(exist_ok=True)
        detached.write(subject.signature, made)
    catalog = LocalCatalog(settings.state / "catalog")
    for image in subject.images:
        catalog.update(image.id, Changes(set_properties=made.named(ident).signature.as_properties()))


def _unchanged(settings: Settings, subject: Subject, read: Read) -> None:
    """Raise GateError for bytes that are not what a catalog or a manifest says: a signature would hide that."""
    before = with_signature(subject.evidence(settings, read), None, None)  # the new one replaces it
    if wrong := differences(subject.label, read, before):
        raise GateError(f"{subject.label} is not signed: {wrong[0]}", fix=AGAIN)
