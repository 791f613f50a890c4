"""Is an image what it should be? Its bytes, its manifest, its signature and its provenance, each a row."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from goldsmith.artifact import manifest as manifests
from goldsmith.artifact.manifest import ImageFile, Manifest
from goldsmith.artifact.provenance import problems
from goldsmith.artifact.sbom import FILES
from goldsmith.errors import GoldsmithError
from goldsmith.host.files import Digests, digest
from goldsmith.signing.certificates import Certificate
from goldsmith.signing.facts import Fact, Status, Trust, fact, signature_facts
from goldsmith.signing.names import HashMethod
from goldsmith.signing.signature import Signature

AGAIN = "do not use it; take the image again from where it came, or build it again"


@dataclass(frozen=True)
class Read:
    """The digests of bytes that were read once, with the one that a signature needs."""

    digests: Digests
    sha384: str

    def of(self, method: HashMethod) -> bytes:
        found = {
            HashMethod.SHA256: self.digests.sha256,
            HashMethod.SHA384: self.sha384,
            HashMethod.SHA512: self.digests.sha512,
        }[method]
        return bytes.fromhex(found)


@dataclass(frozen=True)
class Evidence:
    """What is known of an image besides its bytes.

    ``registered`` says in words in what they differ from what is registered; None where no catalog knows them.
    ``unreadable`` is why its signature cannot be checked at all.
    """

    registered: Sequence[str] | None = None
    promised: str = ""  # sha256, by the file of the signature
    signature: Signature | None = None
    unreadable: str = ""
    certificate: Certificate | None = None
    manifest: Path | None = None
    provenance: Path | None = None
    also: Mapping[str, Path] = field(default_factory=dict)  # that the provenance speaks of, such as an SBOM


def read_once(
    path: Path, method: HashMethod | None, *, on_bytes: Callable[[int], None] | None = None
) -> Read:
    """Read a file once; sha384 costs time only where ``method`` asks for it."""
    more = hashlib.sha384() if method is HashMethod.SHA384 else None
    found = digest(path, on_bytes=on_bytes, on_block=more.update if more else None)
    return Read(found, more.hexdigest() if more else "")


def facts(name: str, read: Read, evidence: Evidence, trust: Trust) -> tuple[Fact, ...]:
    """Return every fact about one image."""
    sealed, row = _manifest(evidence, name, read.digests)
    image = _of_image(sealed, name, read.digests) if sealed else None
    found = [_bytes(read.digests, image, sealed, evidence), row]
    if evidence.unreadable:
        found.append(Fact("signature", Status.FAILED, evidence.unreadable, "sign the image again"))
    elif evidence.signature:
        digest_of = read.of(evidence.signature.method)
        found += signature_facts(evidence.signature, evidence.certificate, digest_of, trust)
    elif trust.wanted:
        found.append(Fact("signature", Status.FAILED, "it is not signed", "goldsmith sign signs it"))
    else:
        found.append(Fact("signature", Status.SKIPPED, "it is not signed"))
    found.append(_bills(read.digests, sealed, evidence))
    found.append(_provenance(image.name if image else name, read.digests, evidence, trust))
    return tuple(found)


def differences(name: str, read: Read, evidence: Evidence) -> tuple[str, ...]:
    """Say in words in what the bytes are not what a catalog or a manifest says; nothing where none knows them."""
    sealed, row = _manifest(evidence, name, read.digests)
    image = _of_image(sealed, name, read.digests) if sealed else None
    broken = [row.detail] if row.status is Status.FAILED else []
    return (*broken, *_compared(read.digests, image, sealed, evidence)[0])


def _manifest(evidence: Evidence, name: str, found: Digests) -> tuple[Manifest | None, Fact]:
    if evidence.manifest is None:
        return None, Fact("manifest", Status.SKIPPED, "there is no manifest")
    try:
        sealed = manifests.read(evidence.manifest)
    except GoldsmithError as error:
        return None, Fact("manifest", Status.FAILED, error.problem, error.fix)
    if evidence.registered is None and not _of_image(sealed, name, found):  # perhaps there by chance
        return None, Fact("manifest", Status.SKIPPED, "the one beside it speaks of other files")
    return sealed, Fact("manifest", Status.OK, f"as it was sealed, of build {sealed.build}")


def _of_image(sealed: Manifest, name: str, found: Digests) -> ImageFile | None:
    same = [one for one in sealed.files if one.sha256 == found.sha256]
    named = [one for one in sealed.files if one.name == name]
    return next(iter((*same, *named)), None)


def _bytes(found: Digests, image: ImageFile | None, sealed: Manifest | None, evidence: Evidence) -> Fact:
    wrong, by = _compared(found, image, sealed, evidence)
    if wrong or by:
        return fact("digest", "; ".join(wrong), f"sha256 {found.sha256}, as by {', '.join(by)}", AGAIN)
    told = f"nothing says what it should be; sha256 {found.sha256}"
    if evidence.signature:
        return Fact("digest", Status.SKIPPED, told)
    return Fact("digest", Status.FAILED, told, "put its manifest.json or its signature beside it")


def _compared(
    found: Digests, image: ImageFile | None, sealed: Manifest | None, evidence: Evidence
) -> tuple[list[str], list[str]]:
    """Return what differs, and who was asked."""
    wrong = [*(evidence.registered or ())]
    by: list[str] = ["the catalog"] if evidence.registered is not None else []
    if evidence.promised:
        by.append("the signature's file")
        wrong += _differs("its signature's file", evidence.promised, found.sha256)
    if image:
        by.append("the manifest")
        wrong += _differs("the manifest", image.sha256, found.sha256)
    elif sealed:
        wrong.append("the manifest does not speak of these bytes")
    return wrong, by


def _differs(who: str, was: str, now: str) -> Iterator[str]:
    if was != now:
        yield f"sha256 is {now}, by {who} it was {was}"


def _bills(found: Digests, sealed: Manifest | None, evidence: Evidence) -> Fact:
    """Say whether the bills of materials are those that were sealed, and of these bytes."""
    promised = {one.sha256 for one in sealed.documents if one.name in FILES.values()} if sealed else set()
    if not evidence.also:
        return Fact(
            "sbom", Status.SKIPPED, "the manifest names one, it is not here" if promised else "there is none"
        )
    wrong: list[str] = []
    for name, path in evidence.also.items():
        try:
            content = path.read_bytes()
        except OSError as error:
            wrong.append(f"{name} cannot be read: {error.strerror}")
            continue
        if promised and hashlib.sha256(content).hexdigest() not in promised:
            wrong.append(f"{name} is not the one that was sealed")
        elif found.sha256.encode() not in content:
            wrong.append(f"{name} speaks of other bytes")
    told = f"{', '.join(evidence.also)}: of these bytes{', as sealed' if promised else ''}"
    return fact("sbom", "; ".join(wrong), told, AGAIN)


def _provenance(name: str, found: Digests, evidence: Evidence, trust: Trust) -> Fact:
    if evidence.provenance is None:
        return Fact("provenance", Status.SKIPPED, "there is none")
    certificate = trust.certificate or evidence.certificate
    if certificate is None:
        return Fact(
            "provenance", Status.FAILED, "the certificate of its key is not to be had", "--certificate FILE"
        )
    try:
        text = evidence.provenance.read_bytes()
        sealed = evidence.manifest.read_bytes() if evidence.manifest else None
        files = {one: digest(path).sha256 for one, path in evidence.also.items()}
    except OSError as error:
        return Fact("provenance", Status.FAILED, f"it cannot be read: {error.strerror}", AGAIN)
    wrong = problems(text, certificate.public, {name: found.sha256, **files}, sealed)
    told = f"it speaks of these bytes{' and of ' + ', '.join(files) if files else ''}"
    return fact("provenance", "; ".join(wrong), f"signed by {certificate.subject}; {told}", AGAIN)
