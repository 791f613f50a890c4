"""The signature that lies beside a file goes with it into a catalog."""

from collections.abc import Mapping
from pathlib import Path

from goldsmith.catalog.certificates import KeptCertificates
from goldsmith.cli.base import Settings
from goldsmith.cli.catalogs import catalog_name, destination
from goldsmith.errors import GateError
from goldsmith.host.files import sha256_of
from goldsmith.signing.names import beside


def signature_beside(settings: Settings, file: Path) -> Mapping[str, str]:
    """Return the properties of a file that `goldsmith sign` has signed; its certificate is then known here.

    Raises GateError for a file that is not what was signed: nobody may look at it before somebody starts it.
    """
    if not beside(file).is_file():
        return {}
    from goldsmith.signing import detached  # few files are signed, and certificates take time to import

    found = detached.read(beside(file))
    if file.stat().st_size != found.size or sha256_of(file) != found.sha256:
        raise GateError(
            f"{file} is not what was signed: {beside(file).name} is for other bytes",
            fix="sign it again (goldsmith sign), or remove the signature's file",
        )
    certificates = KeptCertificates(settings.state / "catalog" / "certificates")
    ident = certificates.keep(found.certificate.chain_pem, found.signature.certificate)
    return found.named(ident).signature.as_properties()


def signature_there(settings: Settings, file: Path) -> Mapping[str, str]:
    """Return them as the catalog of the command is to have them: a cloud knows the certificate by another id."""
    said, cloud = signature_beside(settings, file), catalog_name(settings)
    return destination(settings, cloud).signature(said) if said and cloud else said
