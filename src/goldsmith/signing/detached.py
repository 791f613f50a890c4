"""The file beside an image that holds its signature: ``demo.qcow2.sig``."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.errors import GateError, UsageError
from goldsmith.host.files import write_atomically
from goldsmith.signing.certificates import Certificate, parse
from goldsmith.signing.names import CERTIFICATE, PROPERTIES
from goldsmith.signing.names import SUFFIX as SUFFIX
from goldsmith.signing.signature import Signature, UnknownSignature, from_properties

SCHEMA = 1


@dataclass(frozen=True)
class Detached:
    """A signature with the certificate of its key; ``sha256`` tells for which bytes it was made."""

    file: str
    size: int
    sha256: str
    signature: Signature
    certificate: Certificate

    def named(self, certificate: str) -> "Detached":
        """Return it with the id under which a catalog knows the certificate."""
        return replace(self, signature=replace(self.signature, certificate=certificate))

    def as_json(self) -> dict[str, object]:
        said = self.signature.as_properties()
        return {
            "schema": SCHEMA,
            "file": self.file,
            "size": self.size,
            "sha256": self.sha256,
            **said,
            CERTIFICATE: said[CERTIFICATE] or None,
            "certificate": self.certificate.chain_pem,
        }


def write(path: Path, detached: Detached) -> None:
    write_atomically(path, json.dumps(detached.as_json(), indent=2) + "\n")


def read(path: Path) -> Detached:
    """Return what a signature file says. Raises UsageError if it cannot be read, GateError if it is none."""
    try:
        document = json.loads(path.read_bytes())
        properties = {name: document[name] or "" for name in PROPERTIES}
        facts = str(document["file"]), int(document["size"]), str(document["sha256"])
        certificate = parse(document["certificate"].encode(), str(path))
        return Detached(*facts, from_properties(properties), certificate)
    except OSError as error:
        raise UsageError(
            f"the signature {path} cannot be read: {error.strerror}", fix="goldsmith sign FILE writes it"
        ) from None
    except UnknownSignature as error:
        raise GateError(f"{path}: {error}", fix="sign the image again") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise GateError(f"{path} is not a signature of Goldsmith", fix="sign the image again") from None
