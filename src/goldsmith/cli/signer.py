"""Who signs, and whose signatures are wanted: from the options of a command."""

from pathlib import Path

import click

from goldsmith.cli.base import Settings
from goldsmith.errors import UsageError
from goldsmith.host.process import LocalHost
from goldsmith.recipe.project import FILE, load_project
from goldsmith.recipe.secrets import KINDS, Secret, Vault
from goldsmith.recipe.signing import signer_files
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
    """Return who signs, by the options and else by goldsmith.yaml.

    Raises UsageError or GateError for what must not sign.
    """
    known = _of_project(settings)
    if known:
        key, certificate = key or known.key, certificate or known.certificate
    if key is None or certificate is None:
        missing = "--key" if key is None else "--certificate"
        raise UsageError(
            f"{missing} is not given, and {FILE} says nothing of it",
            fix="goldsmith keygen makes a key and its certificate; docs/signing.md shows the section signing:",
        )
    asked = passphrase_of(passphrase, settings) or (known.passphrase if known else None)
    wanted = HashMethod(method) if method else (known.method if known else HashMethod.SHA256)
    found = SignerFiles(key, certificate, wanted, asked).load()
    warn_of_open(key)
    return found


def trust(settings: Settings, *, certificate: Path | None, authorities: Path | None) -> Trust:
    """Return whose signatures are wanted, by the options and else by goldsmith.yaml; it may want none."""
    if not certificate and not authorities:
        return _trust_of_project(settings)
    return Trust(
        certificate=load_certificate(certificate) if certificate else None,
        authorities=load_bundle(authorities) if authorities else (),
    )


def _trust_of_project(settings: Settings) -> Trust:
    said, project = load_project(settings.project).signing, settings.project
    if said is None or project is None:
        return Trust()
    if said.ca:
        return Trust(authorities=load_bundle(project / Path(said.ca).expanduser()))
    return Trust(certificate=load_certificate(project / Path(said.certificate).expanduser()))


def _of_project(settings: Settings) -> SignerFiles | None:
    said, project = load_project(settings.project).signing, settings.project
    if said is None or project is None:
        return None
    return signer_files(said, project, Vault(state=settings.state, host=LocalHost()))


def warn_of_open(key: Path) -> None:
    """Say that others of this host can read a key that has no passphrase."""
    if key.stat().st_mode & 0o044 and b"ENCRYPTED" not in key.read_bytes():
        click.echo(f"{key} can be read by others and has no passphrase\n  fix: chmod 600 {key}", err=True)
