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
from goldsmith.signing.keys import PemKey, kind_of, load_key, new_key, pem_of, same
from goldsmith.signing.names import KeyType

_FILE = click.Path(path_type=Path)


@click.command(cls=Command)
@click.option("--key", type=_FILE, required=True, help="File of the private key; one that exists is used.")
@click.option("--certificate", type=_FILE, required=True, help="File of the certificate to be made.")
@click.option("--name", required=True, help="Who signs, such as 'Example Ltd image builds'.")
@click.option(
    "--type", "kind", type=click.Choice([one.value for one in KeyType]), default=KeyType.RSA_PSS.value
)
@click.option("--days", type=click.IntRange(1, LONGEST), default=730, show_default=True)
@click.option("--passphrase", metavar="REFERENCE", help=PASSPHRASE)
@click.option("--ca-key", type=_FILE, help="Key of a CA that issues the certificate; else it is self-signed.")
@click.option("--ca-certificate", type=_FILE, help="Certificate of that CA.")
@click.option("--ca-passphrase", metavar="REFERENCE", help="The same for the CA's key.")
@pass_settings
def keygen(
    settings: Settings,
    *,
    key: Path,
    certificate: Path,
    name: str,
    kind: str,
    days: int,
    passphrase: str | None,
    ca_key: Path | None,
    ca_certificate: Path | None,
    ca_passphrase: str | None,
) -> None:
    """Make a key that signs images and a certificate for it, or a new certificate for a key that is there."""
    if not 1 <= len(name.encode()) <= 64:
        raise UsageError("--name must have 1 to 64 characters", fix="X.509 takes no longer common name")
    if certificate.exists():
        raise UsageError(f"{certificate} exists already", fix="name another file, or move it away")
    issuer = _issuer(settings, ca_key, ca_certificate, ca_passphrase, days)
    asked = passphrase_of(passphrase, settings)
    if key.exists():
        private, made = load_key(key, asked), False
    else:
        private, made = new_key(KeyType(kind)), True
        _create(key, pem_of(private, asked() if asked else None), 0o600)
    found = new_certificate(private, name, days=days, issuer=issuer)
    _create(certificate, found.chain_pem.encode(), 0o644)
    _tell(settings, key, certificate, found, made=made)


def _issuer(
    settings: Settings, key: Path | None, certificate: Path | None, passphrase: str | None, days: int
) -> tuple[PemKey, Certificate] | None:
    if key is None and certificate is None:
        return None
    if key is None or certificate is None:
        raise UsageError("--ca-key and --ca-certificate belong together", fix="give both, or none")
    issuer = load_certificate(certificate)
    check_issuer(issuer, days, str(certificate))
    private = load_key(key, passphrase_of(passphrase, settings))
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


def _tell(settings: Settings, key: Path, certificate: Path, found: Certificate, *, made: bool) -> None:
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
