"""The section ``signing`` of goldsmith.yaml: who signs the images of a project, and whom it trusts."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from goldsmith.recipe.parts import Part
from goldsmith.recipe.quantities import refuse
from goldsmith.recipe.secrets import Secret, Secrets, TextOrSecret
from goldsmith.signing.names import HashMethod
from goldsmith.signing.signer import SignerFiles


def _reference(value: str | Secret) -> str | Secret:
    if isinstance(value, str):
        raise refuse("the passphrase itself may not stand here", "write !secret env:NAME, file: or command:")
    return value


class Signing(Part):
    """The key and certificate by which builds are signed; paths are relative to the project."""

    key: str = Field(min_length=1, description="PEM file of the private key.")
    certificate: str = Field(min_length=1, description="PEM file of its certificate, and of those above it.")
    passphrase: Annotated[TextOrSecret, AfterValidator(_reference)] | None = Field(
        default=None,
        description="!secret env:NAME | file:PATH | command:PROGRAM; never the passphrase itself.",
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


def signer_files(said: Signing, project: Path, secrets: Secrets) -> SignerFiles:
    """Return where the signer of a project is; nothing is opened yet."""
    secret = said.passphrase
    return SignerFiles(
        key=project / Path(said.key).expanduser(),
        certificate=project / Path(said.certificate).expanduser(),
        method=said.hash,
        passphrase=(lambda: secrets.reveal(secret)) if isinstance(secret, Secret) else None,
    )
