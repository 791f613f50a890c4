"""Sign what was built: each image file, and a statement of where it came from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from goldsmith.artifact import manifest as manifests
from goldsmith.artifact import provenance
from goldsmith.artifact.verification import read_once
from goldsmith.errors import GateError
from goldsmith.events import PhaseStarted
from goldsmith.host import files
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.signing import detached
from goldsmith.signing.detached import Detached
from goldsmith.signing.names import HashMethod
from goldsmith.signing.signature import sign
from goldsmith.signing.signer import Signer
from goldsmith.stages.attested import SIGNATURES, STAGE, bills_of
from goldsmith.stages.exported import Exported, exported


@dataclass(frozen=True)
class Attest:
    """One signature for each exported file, and the provenance of all of them.

    ``certificate`` is the fingerprint of whoever signs, so that another one signs anew.
    """

    signer: Callable[[], Signer]
    certificate: str
    method: HashMethod
    builder: str

    name = STAGE
    kind = Kind.ARTIFACT
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return {"certificate": self.certificate, "hash": self.method.value, "builder": self.builder}

    def run(self, work: Work, context: Context) -> None:
        who = self.signer()
        (work.folder / SIGNATURES).mkdir()
        sealed = (context.results["seal"].folder / provenance.MANIFEST).read_bytes()
        manifest = manifests.read(context.results["seal"].folder / provenance.MANIFEST)
        for one in exported(context.results["export"]):
            name = one.named(manifest.recipe.name)
            context.reporter.tell(PhaseStarted(self.name, f"signing {name}"))
            detached.write(work.folder / SIGNATURES / f"{name}{detached.SUFFIX}", _signed(one, name, who))
        said = provenance.statement(
            manifest,
            sealed,
            also=[provenance.further(one) for one in bills_of(context.results["seal"].folder)],
            builder=self.builder,
        )
        files.write_atomically(work.folder / provenance.FILE, provenance.signed(who.key, said))
        _copy(work.folder, context.folder)


def _signed(one: Exported, name: str, who: Signer) -> Detached:
    """Sign a file by the digest that the export took, read again only where another hash is asked for."""
    known = {HashMethod.SHA256: one.digests.sha256, HashMethod.SHA512: one.digests.sha512}.get(who.method)
    if known is None:
        read = read_once(one.path, who.method)
        if read.digests != one.digests:
            raise GateError(
                f"{one.path} is not what was exported any more", fix="goldsmith store verify, and build again"
            )
        known = read.sha384
    signature = sign(who.key, who.method, bytes.fromhex(known))
    return Detached(name, one.digests.size, one.digests.sha256, signature, who.certificate)


def _copy(entry: Path, record: Path) -> None:
    """Leave the same in the record of the build, where people look."""
    (record / SIGNATURES).mkdir(exist_ok=True)
    for name in (provenance.FILE, *(f"{SIGNATURES}/{one.name}" for one in (entry / SIGNATURES).iterdir())):
        files.write_atomically(record / name, (entry / name).read_bytes())
