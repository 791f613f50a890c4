import base64
import hashlib
import json

import pytest
from in_toto.models.metadata import Envelope as TheirEnvelope
from securesystemslib.signer import SSlibKey

from goldsmith.artifact import provenance
from goldsmith.artifact.manifest import (
    HostFacts,
    ImageFile,
    Manifest,
    Medium,
    RecipeOrigin,
    StageRecord,
    seal,
)
from goldsmith.artifact.provenance import Further, problems, signed, statement
from goldsmith.signing import envelope
from goldsmith.signing.keys import new_key, public_pem
from goldsmith.signing.names import KeyType

KEY, OTHER = new_key(KeyType.SECP384R1), new_key(KeyType.SECP384R1)
IMAGE = hashlib.sha256(b"image").hexdigest()
BILL = hashlib.sha256(b"bill").hexdigest()


def manifest(**more):
    image = ImageFile("demo.qcow2", "qcow2", 5, 1 << 30, "m", IMAGE, "s512")
    return Manifest(
        goldsmith="1.0",
        build="20260101-demo",
        recipe=RecipeOrigin("demo", "d1", "abc-dirty"),
        host=HostFacts("x86_64", "Debian", "6.1", 2, 1 << 30),
        accel="tcg",
        stages=(StageRecord("install", "k1", 1.5, cached=False),),
        files=(image,),
        media=(Medium("dvd.iso", "9f"),),
        created_at="2026-01-01T00:00:00Z",
        **more,
    )


SEALED = seal(manifest())
SAID = statement(manifest(), SEALED, also=[Further("sbom.spdx.json", BILL)])
FILES = {"demo.qcow2": IMAGE, "sbom.spdx.json": BILL}


def wrong(text, key=KEY, files=FILES, sealed=SEALED):
    return problems(text.encode() if isinstance(text, str) else text, key.public, files, sealed)


def test_the_statement_says_in_slsa_words_what_was_made_from_what():
    assert (SAID["_type"], SAID["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://slsa.dev/provenance/v1",
    )
    assert SAID["subject"][0] == {"name": "demo.qcow2", "digest": {"sha256": IMAGE, "sha512": "s512"}}
    definition, details = SAID["predicate"]["buildDefinition"], SAID["predicate"]["runDetails"]
    assert definition["externalParameters"] == {"recipe": "demo", "recipeDigest": {"sha256": "d1"}}
    assert definition["resolvedDependencies"] == [
        {"name": "dvd.iso", "digest": {"sha256": "9f"}},
        {"name": "project", "digest": {"gitCommit": "abc"}},
    ]
    assert definition["internalParameters"]["changedSinceCommit"] is True
    assert details["builder"] == {"id": "urn:goldsmith:builder", "version": {"goldsmith": "1.0"}}
    assert details["metadata"]["invocationId"] == "20260101-demo"


def test_a_provenance_is_good_for_its_files_under_any_name():
    text = signed(KEY, SAID)
    assert wrong(text) == ()
    assert wrong(text, files={"copy.qcow2": IMAGE}) == ()
    assert wrong(text, sealed=None) == ()


def test_in_totos_own_library_confirms_it():
    document = json.loads(signed(KEY, SAID))
    theirs = TheirEnvelope.from_dict(document)
    ident = envelope.key_id(KEY.public)
    key = SSlibKey(ident, "ecdsa", "ecdsa-sha2-nistp384", {"public": public_pem(KEY.public)})
    assert list(theirs.verify([key], 1)) == [ident]
    assert json.loads(theirs.payload) == SAID
    assert theirs.payload_type == "application/vnd.in-toto+json"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"demo.qcow2": BILL}, f"demo.qcow2: sha256 is {BILL}, but it speaks of {IMAGE}"),
        ({"other.qcow2": "00"}, "it does not speak of other.qcow2"),
        ({**FILES, "sbom.spdx.json": "00"}, "sbom.spdx.json: sha256 is 00"),
    ],
)
def test_other_bytes_are_told(files, problem):
    assert problem in wrong(signed(KEY, SAID), files=files)[0]


def test_another_key_a_changed_payload_and_another_manifest_are_told():
    text = signed(KEY, SAID)
    not_by = "its signature is not by this key, or it was changed after it was signed"
    assert wrong(text, key=OTHER) == (not_by,)
    document = json.loads(text)
    payload = base64.b64decode(document["payload"]).replace(IMAGE.encode(), BILL.encode())
    document["payload"] = base64.b64encode(payload).decode()
    assert wrong(json.dumps(document), files={"demo.qcow2": BILL}) == (not_by,)
    assert wrong(text, sealed=seal(manifest(tools={"x": "1"}))) == ("it was made for another manifest",)
    assert wrong("{}") == ("it is no DSSE envelope",)


def test_what_the_key_signed_for_another_purpose_is_no_provenance():
    text = envelope.seal(KEY, "text/plain", json.dumps(SAID).encode()).as_json()
    assert wrong(text) == ("its payload is text/plain, not an in-toto statement",)
    other = {**SAID, "predicateType": "https://example.org/other"}
    assert "it states https://example.org/other, not" in wrong(signed(KEY, other))[0]
    assert wrong(signed(KEY, {"_type": 1})) == ("it is signed, but holds no provenance by SLSA v1",)
    assert provenance.FILE == "provenance.json"
