"""The section ``signing`` of goldsmith.yaml: who signs the images of a project, and whom it trusts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from goldsmith.errors import UsageError
from goldsmith.host.homes import expanded
from goldsmith.recipe.parts import Part
from goldsmith.recipe.quantities import refuse
from goldsmith.recipe.secrets import Secret, Secrets, TextOrSecret, is_reference
from goldsmith.signing.names import HashMethod
from goldsmith.signing.places import KeyPlace, key_place

if TYPE_CHECKING:
    from goldsmith.signing.keys import Passphrase
    from goldsmith.signing.signer import SignerPlaces


def _reference(value: str | Secret) -> str | Secret:
    if isinstance(value, str):
        raise refuse("the passphrase itself may not stand here", "write !secret env:NAME, file: or command:")
    return value


def _place(value: str) -> str:
    try:
        pin_of(key_place(value))
    except UsageError as error:
        raise refuse(error.problem, error.fix) from None
    return value


class Signing(Part):
    """The key and certificate by which builds are signed; paths are relative to the project."""

    key: Annotated[str, AfterValidator(_place)] = Field(
        min_length=1, description="PEM file of the private key, or its pkcs11: URI (RFC 7512)."
    )
    certificate: str = Field(min_length=1, description="PEM file of its certificate, and of those above it.")
    passphrase: Annotated[TextOrSecret, AfterValidator(_reference)] | None = Field(
        default=None,
        description="Passphrase of the file or PIN of the token: !secret env:NAME | file:PATH | command:PROGRAM.",
    )
    hash: Annotated[HashMethod, Field(strict=False)] = Field(
        default=HashMethod.SHA256, description="Hash of the signatures."
    )
    ca: str | None = Field(
        default=None,
        min_length=1,
        description="PEM file of the authorities that `verify` trusts; the certificate alone when not said.",
    )
    builder: str = Field(
        default="urn:goldsmith:builder",
        pattern=r"^[a-z][a-z0-9+.-]*:\S+$",
        description="URI by which the provenance names who builds.",
    )


def signer_places(said: Signing, project: Path, secrets: Secrets) -> "SignerPlaces":
    """Return where the signer of a project is; nothing is opened yet."""
    from goldsmith.signing.signer import SignerPlaces  # goldsmith.yaml is read by all, but few sign

    key = key_place(said.key, project)
    return SignerPlaces(
        key=key,
        certificate=project / expanded(said.certificate),
        method=said.hash,
        passphrase=opener(key, said.passphrase if isinstance(said.passphrase, Secret) else None, secrets),
    )


def opener(key: KeyPlace, passphrase: Secret | None, secrets: Secrets) -> "Passphrase | None":
    """Return the question that opens a key, asked only if it must be. Raises UsageError where two places are named."""
    pin = pin_of(key)
    if pin and passphrase:
        raise UsageError(
            f"{key}: two places are named for its PIN", fix="leave out pin-source or the passphrase"
        )
    secret = passphrase or pin
    return (lambda: secrets.reveal(secret)) if secret else None


def pin_of(key: KeyPlace) -> Secret | None:
    """Return where the URI of a key says that its PIN is. Raises UsageError, without what stands there."""
    if isinstance(key, Path) or not key.pin:
        return None
    if not is_reference(key.pin):
        raise UsageError(
            f"{key}: pin-source is no reference to a PIN",
            fix="write pin-source=file:PATH, env:NAME or command:PROGRAM",
        )
    return Secret(key.pin)
