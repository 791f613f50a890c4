"""Provenance: which build made these files, as an in-toto statement in SLSA's words, in a signed envelope."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldsmith.artifact.manifest import ImageFile, Manifest
from goldsmith.signing import envelope
from goldsmith.signing.keys import Public, SigningKey

FILE = "provenance.json"
MANIFEST = "manifest.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
PAYLOAD = "application/vnd.in-toto+json"
BUILD_TYPE = "urn:goldsmith:image-build:v1"
BUILDER = "urn:goldsmith:builder"


@dataclass(frozen=True)
class Further:
    """A file that belongs to the images of a build, such as a bill of materials."""

    name: str
    sha256: str


def further(path: Path) -> Further:
    return Further(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def statement(
    manifest: Manifest, sealed: bytes, *, also: Sequence[Further] = (), builder: str = BUILDER
) -> dict[str, Any]:
    """Return the statement about the files of a manifest; ``sealed`` is the text of its file."""
    recipe = manifest.recipe
    sources = [{"name": one.name, "digest": {"sha256": one.sha256}} for one in manifest.media]
    if recipe.commit:
        sources.append({"name": "project", "digest": {"gitCommit": recipe.commit.removesuffix("-dirty")}})
    return {
        "_type": STATEMENT,
        "subject": [
            *({"name": one.name, "digest": _digests(one)} for one in manifest.files),
            *({"name": one.name, "digest": {"sha256": one.sha256}} for one in also),
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"recipe": recipe.name, "recipeDigest": {"sha256": recipe.digest}},
                "internalParameters": {
                    "accel": manifest.accel,
                    "changedSinceCommit": bool(recipe.commit and recipe.commit.endswith("-dirty")),
                    "stages": {one.name: one.key for one in manifest.stages},
                    "tools": dict(manifest.tools),
                },
                "resolvedDependencies": sources,
            },
            "runDetails": {
                "builder": {"id": builder, "version": {"goldsmith": manifest.goldsmith}},
                "metadata": {"invocationId": manifest.build, "finishedOn": manifest.created_at},
                "byproducts": [{"name": MANIFEST, "digest": {"sha256": hashlib.sha256(sealed).hexdigest()}}],
            },
        },
    }


def signed(key: SigningKey, said: Mapping[str, Any]) -> str:
    """Return the content of the provenance file."""
    return envelope.seal(key, PAYLOAD, json.dumps(said, sort_keys=True).encode()).as_json()


def problems(text: bytes, key: Public, files: Mapping[str, str], sealed: bytes | None) -> tuple[str, ...]:
    """Say in words what is wrong with a provenance; ``files`` are sha256 digests by name, as they are now.

    Only what the key has signed is read at all.
    """
    try:
        found = envelope.read(text)
    except ValueError as error:
        return (str(error),)
    if not found.signed_by(key):
        return ("its signature is not by this key, or it was changed after it was signed",)
    if found.kind != PAYLOAD:
        return (f"its payload is {found.kind}, not an in-toto statement",)
    try:
        return tuple(_differences(json.loads(found.payload), files, sealed))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ("it is signed, but holds no provenance by SLSA v1",)


def _differences(said: Mapping[str, Any], files: Mapping[str, str], sealed: bytes | None) -> list[str]:
    if said["_type"] != STATEMENT or said["predicateType"] != PREDICATE:
        return [f"it states {said['predicateType']}, not {PREDICATE}"]
    subjects = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
    found: list[str] = []
    for name, now in files.items():
        if name in subjects and subjects[name] != now:
            found.append(f"{name}: sha256 is {now}, but it speaks of {subjects[name]}")
        elif name not in subjects and now not in subjects.values():  # a copy may have another name
            found.append(f"it does not speak of {name}")
    if sealed is not None:
        byproducts = said["predicate"]["runDetails"]["byproducts"]
        wanted = {one["name"]: one["digest"]["sha256"] for one in byproducts}.get(MANIFEST)
        if wanted != hashlib.sha256(sealed).hexdigest():
            found.append("it was made for another manifest")
    return found


def _digests(image: ImageFile) -> dict[str, str]:
    return {"sha256": image.sha256, "sha512": image.sha512}
