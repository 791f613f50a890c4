"""``goldsmith keygen``: a key that signs images, and its certificate."""

import os
from pathlib import Path

import click

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.signer import PASSPHRASE, passphrase_of
from goldsmith.errors import HostError, UsageError
from goldsmith.signing.certificates import (
    LONGEST,
    Certificate,
    check_issuer,
    load_certificate,
    new_certificate,
)
from goldsmith.signing.keys import Passphrase, SigningKey, kind_of, new_key, pem_of, same
from goldsmith.signing.names import KeyType
from goldsmith.signing.places import KeyPlace, in_token, key_place, open_key

_FILE = click.Path(path_type=Path)


@click.command(cls=Command)
@click.option(
    "--key",
    type=key_place,
    metavar="FILE|URI",
    required=True,
    help="File, or pkcs11: URI, of the private key; one that is there is used.",
)
@click.option("--certificate", type=_FILE, required=True, help="File of the certificate to be made.")
@click.option("--name", required=True, help="Who signs, such as 'Example Ltd image builds'.")
@click.option(
    "--type", "kind", type=click.Choice([one.value for one in KeyType]), default=KeyType.RSA_PSS.value
)
@click.option("--days", type=click.IntRange(1, LONGEST), default=730, show_default=True)
@click.option("--passphrase", metavar="REFERENCE", help=PASSPHRASE)
@click.option(
    "--ca-key",
    type=key_place,
    metavar="FILE|URI",
    help="Key of a CA that issues the certificate; else it is self-signed.",
)
@click.option("--ca-certificate", type=_FILE, help="Certificate of that CA.")
@click.option("--ca-passphrase", metavar="REFERENCE", help="The same for the CA's key.")
@pass_settings
def keygen(
    settings: Settings,
    *,
    key: KeyPlace,
    certificate: Path,
    name: str,
    kind: str,
    days: int,
    passphrase: str | None,
    ca_key: KeyPlace | None,
    ca_certificate: Path | None,
    ca_passphrase: str | None,
) -> None:
    """Make a key that signs images and a certificate for it, or a new certificate for a key that is there."""
    if not 1 <= len(name.encode()) <= 64:
        raise UsageError("--name must have 1 to 64 characters", fix="X.509 takes no longer common name")
    if certificate.exists():
        raise UsageError(f"{certificate} exists already", fix="name another file, or move it away")
    issuer = _issuer(settings, ca_key, ca_certificate, ca_passphrase, days)
    private, made = _key(key, passphrase_of(key, passphrase, settings), KeyType(kind))
    found = new_certificate(private, name, days=days, issuer=issuer)
    _create(certificate, found.chain_pem.encode(), 0o644)
    _tell(settings, key, certificate, found, made=made)


def _key(place: KeyPlace, asked: Passphrase | None, kind: KeyType) -> tuple[SigningKey, bool]:
    """Return the key, which is made if it is not there, and whether it was made."""
    if not isinstance(place, Path):
        return in_token(place, asked, kind)
    if place.exists():
        return open_key(place, asked), False
    made = new_key(kind)
    _create(place, pem_of(made, asked() if asked else None), 0o600)
    return made, True


def _issuer(
    settings: Settings, key: KeyPlace | None, certificate: Path | None, passphrase: str | None, days: int
) -> tuple[SigningKey, Certificate] | None:
    if key is None and certificate is None:
        return None
    if key is None or certificate is None:
        raise UsageError("--ca-key and --ca-certificate belong together", fix="give both, or none")
    issuer = load_certificate(certificate)
    check_issuer(issuer, days, str(certificate))
    private = open_key(key, passphrase_of(key, passphrase, settings))
    if not same(private.public, issuer.public):
        raise UsageError(f"{certificate} is not the certificate of {key}", fix="give those that fit")
    return private, issuer


def _create(path: Path, data: bytes, mode: int) -> None:
    """Write a new file; one that came to be meanwhile is left alone."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(number)
    except OSError as error:
        raise HostError(f"cannot write {path}: {error.strerror}", fix="see to its folder") from None


def _tell(settings: Settings, key: KeyPlace, certificate: Path, found: Certificate, *, made: bool) -> None:
    if settings.json:
        settings.emit(
            {
                "key": str(key),
                "made": made,
                "certificate": str(certificate),
                "type": kind_of(found.public).value,
                "subject": found.subject,
                "sha256": found.fingerprint,
                "until": found.until.isoformat(),
            }
        )
    elif not settings.quiet:
        click.echo(f"{key}: {'new key' if made else 'the key that was there'}, {kind_of(found.public)}")
        click.echo(
            f"{certificate}: {found.subject}, until {found.until:%Y-%m-%d}, sha256 {found.fingerprint}"
        )
