"""Who signs, and whose signatures are wanted: from the options of a command."""

from pathlib import Path

import click

from goldsmith.cli.base import Settings
from goldsmith.errors import UsageError
from goldsmith.host.homes import expanded
from goldsmith.host.process import LocalHost
from goldsmith.recipe.project import FILE, load_project
from goldsmith.recipe.secrets import Secret, Vault, is_reference
from goldsmith.recipe.signing import opener, signer_places
from goldsmith.signing.certificates import load_bundle, load_certificate
from goldsmith.signing.facts import Trust
from goldsmith.signing.keys import Passphrase
from goldsmith.signing.names import HashMethod
from goldsmith.signing.places import KeyPlace
from goldsmith.signing.signer import Signer, SignerPlaces

PASSPHRASE = "Where the key's passphrase, or the token's PIN, is: env:NAME, file:PATH or command:PROGRAM. Never itself."


def passphrase_of(key: KeyPlace, reference: str | None, settings: Settings) -> Passphrase | None:
    """Return a question that is asked only if the passphrase of a file, or the PIN of a token, is needed."""
    if reference is not None and not is_reference(reference):
        raise UsageError(
            "--passphrase takes a reference, not the passphrase itself",
            fix="env:NAME, file:PATH or command:PROGRAM; if that was the passphrase, change it:"
            " other users may have seen it in the list of processes",
        )
    secret = Secret(reference) if reference is not None else None
    return opener(key, secret, Vault(state=settings.state, host=LocalHost()))


def signer(
    settings: Settings,
    *,
    key: KeyPlace | None,
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
    asked = passphrase_of(key, passphrase, settings)
    if known and not asked and (isinstance(key, Path) or key == known.key):  # wrong PINs lock other tokens
        asked = known.passphrase
    wanted = HashMethod(method) if method else (known.method if known else HashMethod.SHA256)
    found = SignerPlaces(key, certificate, wanted, asked).load()
    if isinstance(key, Path):
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
        return Trust(authorities=load_bundle(project / expanded(said.ca)))
    return Trust(certificate=load_certificate(project / expanded(said.certificate)))


def _of_project(settings: Settings) -> SignerPlaces | None:
    said, project = load_project(settings.project).signing, settings.project
    if said is None or project is None:
        return None
    return signer_places(said, project, Vault(state=settings.state, host=LocalHost()))


def warn_of_open(key: Path) -> None:
    """Say that others of this host can read a key that has no passphrase."""
    if key.stat().st_mode & 0o044 and b"ENCRYPTED" not in key.read_bytes():
        click.echo(f"{key} can be read by others and has no passphrase\n  fix: chmod 600 {key}", err=True)
