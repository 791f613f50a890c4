"""Who signs, and whose signatures are wanted: from the options of a command."""

from pathlib import Path

import click

from goldsmith.cli.base import Settings
from goldsmith.errors import UsageError
from goldsmith.host.process import LocalHost
from goldsmith.recipe.secrets import KINDS, Secret, Vault
from goldsmith.signing.certificates import load_bundle, load_certificate
from goldsmith.signing.facts import Trust
from goldsmith.signing.keys import Passphrase
from goldsmith.signing.names import HashMethod
from goldsmith.signing.signer import Signer, SignerFiles

PASSPHRASE = "Where the passphrase of the key is: env:NAME, file:PATH or command:PROGRAM. Never itself."


def passphrase_of(reference: str | None, settings: Settings) -> Passphrase | None:
    """Return a question that is asked only if the passphrase is needed."""
    if reference is None:
        return None
    kind, colon, target = reference.partition(":")
    if kind not in KINDS or not colon or not target:
        raise UsageError(
            "--passphrase takes a reference, not the passphrase itself",
            fix="env:NAME, file:PATH or command:PROGRAM; if that was the passphrase, change it:"
            " other users may have seen it in the list of processes",
        )
    vault = Vault(state=settings.state, host=LocalHost())
    return lambda: vault.reveal(Secret(reference))


def signer(
    settings: Settings,
    *,
    key: Path | None,
    passphrase: str | None,
    certificate: Path | None,
    method: str | None,
) -> Signer:
    """Return who signs; raises UsageError or GateError for what must not sign."""
    if key is None or certificate is None:
        missing = "--key" if key is None else "--certificate"
        raise UsageError(f"{missing} is not given", fix="goldsmith keygen makes a key and its certificate")
    wanted = HashMethod(method or HashMethod.SHA256)
    found = SignerFiles(key, certificate, wanted, passphrase_of(passphrase, settings)).load()
    warn_of_open(key)
    return found


def trust(*, certificate: Path | None, authorities: Path | None) -> Trust:
    """Return whose signatures are wanted."""
    return Trust(
        certificate=load_certificate(certificate) if certificate else None,
        authorities=load_bundle(authorities) if authorities else (),
    )


def warn_of_open(key: Path) -> None:
    """Say that others of this host can read a key that has no passphrase."""
    if key.stat().st_mode & 0o044 and b"ENCRYPTED" not in key.read_bytes():
        click.echo(f"{key} can be read by others and has no passphrase\n  fix: chmod 600 {key}", err=True)
