"""``goldsmith sign``: sign images on this host by a key and its certificate."""

from pathlib import Path

import click

from goldsmith.artifact.verification import AGAIN, Read, differences, read_once
from goldsmith.catalog.entry import Changes
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.image_output import progress
from goldsmith.cli.signer import PASSPHRASE, signer
from goldsmith.cli.subjects import Subject, kept, subjects, with_signature
from goldsmith.errors import GateError
from goldsmith.signing import detached
from goldsmith.signing.detached import Detached
from goldsmith.signing.names import HashMethod
from goldsmith.signing.signature import good
from goldsmith.signing.signature import sign as signature_of
from goldsmith.signing.signer import Signer

_FILE = click.Path(path_type=Path)


@click.command(cls=Command)
@click.argument("wanted", metavar="FILE|IMAGE|BUILD")
@click.option("--key", type=_FILE, help="PEM file of the private key.")
@click.option("--passphrase", metavar="REFERENCE", help=PASSPHRASE)
@click.option("--certificate", type=_FILE, help="PEM file of its certificate, and of those above it.")
@click.option(
    "--hash", "method", type=click.Choice([one.value for one in HashMethod]), help="Default: SHA-256."
)
@pass_settings
def sign(
    settings: Settings,
    *,
    wanted: str,
    key: Path | None,
    passphrase: str | None,
    certificate: Path | None,
    method: str | None,
) -> None:
    """Sign an image as it is now: a FILE gets FILE.sig beside it, an IMAGE of the catalog its properties, and a
    BUILD both for each of its files.
    """  # noqa: D205
    who = signer(settings, key=key, passphrase=passphrase, certificate=certificate, method=method)
    done = [(one, sign_subject(settings, one, who)) for one in subjects(settings, wanted)]
    if settings.json:
        settings.emit([{"subject": one.label, **made.as_json()} for one, made in done])
    elif not settings.quiet:
        for one, made in done:
            click.echo(f"{one.label}: signed, {made.signature.kind} with {made.signature.method}")


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
    if not good(made.signature, who.certificate.public, read.of(who.method)):
        raise GateError(
            "the key gave a signature that its certificate does not confirm", fix="see to the key"
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
