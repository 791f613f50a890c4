"""Packages in an SBOM, and which of two versions is older, as rpm and dpkg see it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from urllib.parse import unquote

_PURL = re.compile(
    r"pkg:(?P<type>rpm|deb)/(?:[^/@]+/)*(?P<name>[^/@?]+)@(?P<version>[^?#]+)(?:\?(?P<more>[^#]*))?"
)


@dataclass(frozen=True)
class Package:
    kind: str  # rpm, deb
    name: str
    arch: str
    version: str  # with epoch: 1:2.3-4


def packages(sbom: bytes) -> frozenset[Package]:
    """Return the packages of a guest that an SPDX or CycloneDX document names by their package URLs."""
    document = json.loads(sbom)
    purls = [one.get("purl", "") for one in document.get("components") or ()]
    for one in document.get("packages") or ():
        references = one.get("externalRefs") or ()
        purls += [ref["referenceLocator"] for ref in references if ref.get("referenceType") == "purl"]
    return frozenset(found for purl in purls if (found := _package(str(purl))))


def _package(purl: str) -> Package | None:
    found = _PURL.fullmatch(purl)
    if not found:
        return None
    more: Mapping[str, Any] = dict(
        pair.split("=", 1) for pair in (found["more"] or "").split("&") if "=" in pair
    )
    version = unquote(found["version"])
    if ":" not in version and more.get("epoch", "0") != "0":
        version = f"{more['epoch']}:{version}"
    return Package(found["type"], unquote(found["name"]), unquote(str(more.get("arch", ""))), version)


def downgraded(before: frozenset[Package], now: frozenset[Package]) -> list[tuple[str, str, str]]:
    """Return name, old and new version of each package that is older now; of several installed the newest counts."""
    old, new = _newest(before), _newest(now)
    return [
        (name, old[kind, name, arch], version)
        for (kind, name, arch), version in sorted(new.items())
        if (kind, name, arch) in old and older(kind, version, old[kind, name, arch])
    ]


def _newest(found: frozenset[Package]) -> dict[tuple[str, str, str], str]:
    best: dict[tuple[str, str, str], str] = {}
    for one in found:
        key = (one.kind, one.name, one.arch)
        if key not in best or older(one.kind, best[key], one.version):
            best[key] = one.version
    return best


def older(kind: str, left: str, right: str) -> bool:
    """Say whether ``left`` is older than ``right`` by the rules of rpm or dpkg."""
    compare = _rpm if kind == "rpm" else _dpkg
    for one, other in zip(_parts(left), _parts(right), strict=True):
        if result := compare(one, other):
            return result < 0
    return False


def _parts(version: str) -> tuple[str, str, str]:
    """Split ``epoch:version-release``; dpkg calls the last one revision."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    head, dash, release = rest.rpartition("-")
    return (epoch, head, release) if dash else (epoch, rest, "")


def _rpm(left: str, right: str) -> int:
    """Compare as rpmvercmp does: runs of digits or letters; ~ sorts before and ^ after the end."""
    one, other = (re.findall(r"\d+|[a-zA-Z]+|~|\^", text) for text in (left, right))
    for a, b in zip_longest(one, other):
        if a == b:
            continue
        if "~" in (a, b):
            return -1 if a == "~" else 1
        if a is None or b is None:
            rest = b if a is None else a
            longer = 1 if b is None else -1
            return longer if rest else 0
        if "^" in (a, b):
            return -1 if a == "^" else 1
        if a.isdigit() != b.isdigit():
            return 1 if a.isdigit() else -1
        if a.isdigit():
            if int(a) != int(b):
                return 1 if int(a) > int(b) else -1
        else:
            return 1 if a > b else -1
    return 0


def _dpkg(left: str, right: str) -> int:
    """Compare as dpkg does: text and numbers by turns; in text ~ is before the end, letters before the rest."""
    one, other = (re.findall(r"(\D*)(\d*)", text) for text in (left, right))
    for (text, number), (other_text, other_number) in zip_longest(one, other, fillvalue=("", "")):
        for a, b in zip_longest(text, other_text):
            if _weight(a) != _weight(b):
                return 1 if _weight(a) > _weight(b) else -1
        if int(number or 0) != int(other_number or 0):
            return 1 if int(number or 0) > int(other_number or 0) else -1
    return 0


def _weight(sign: str | None) -> int:
    if sign is None:
        return 0
    if sign == "~":
        return -1
    return ord(sign) if sign.isalpha() else ord(sign) + 256
