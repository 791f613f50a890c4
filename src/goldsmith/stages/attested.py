"""What the attest stage left, as the stages after it read it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from goldsmith.plan.stage import Entry, Stage

if TYPE_CHECKING:
    from goldsmith.signing.detached import Detached

STAGE = "attest"
SIGNATURES = "signatures"  # folder of its entry, and of a build


class _Signs(Protocol):
    """The attest stage, which loads a library that a build without a signer does not need."""

    @property
    def signer(self) -> Callable[[], object]: ...


def check_signer(stages: Sequence[Stage]) -> None:
    """Open the key before the first stage starts, so that a build does not end with what could be known before."""
    for stage in stages:
        if stage.name == STAGE:
            cast("_Signs", stage).signer()


def signature_of(results: Mapping[str, Entry], file: str) -> "Detached | None":
    """Return the signature of an exported file; None where nobody signs."""
    if STAGE not in results:
        return None
    from goldsmith.signing import detached

    return detached.read(results[STAGE].folder / SIGNATURES / f"{file}{detached.SUFFIX}")


def signed_properties(results: Mapping[str, Entry], file: str, catalog: Path) -> Mapping[str, str]:
    """Return the four properties for the embedded catalog, which then knows the certificate; none if unsigned."""
    signature = signature_of(results, file)
    if signature is None:
        return {}
    from goldsmith.catalog.certificates import KeptCertificates

    ident = KeptCertificates(catalog / "certificates").keep(signature.certificate.chain_pem)
    return signature.named(ident).signature.as_properties()


def bills_of(folder: Path) -> Iterator[Path]:
    """Yield what the seal stage left besides the manifest: bills of materials."""
    yield from sorted(one for one in folder.glob("sbom*") if one.is_file())
