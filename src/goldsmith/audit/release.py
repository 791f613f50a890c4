"""Which Linux the release files of a root name; only what libguestfs would say as well, in all its versions."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

_FORMATS = {"debian": "deb", "ubuntu": "deb", "rhel": "rpm", "centos": "rpm", "fedora": "rpm"}
_EARLIER = (  # libguestfs asks the files in this order; one that stands before ours might say something else
    *("lsb-release", "openmandriva-release", "opencloudos-release", "tencentos-release", "oracle-release"),
    *("centos-release", "circle-release", "rocky-release", "altlinux-release"),
    *("redhat-release", "debian_version"),
)
FILES = ("os-release", *_EARLIER)  # in /etc
_FULLER = {"debian": "debian_version", "centos": "centos-release"}  # where os-release has no minor version
_RULES = {
    "debian_version": re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?"),
    "centos-release": re.compile(
        r"CentOS(?: [A-Za-z ]+)? release ([0-9]{1,4})(?:\.([0-9]{1,4})(?:[. ][ -~]*)?| [ -~]*)?"
    ),
    "redhat-release": re.compile(r"Red Hat [A-Za-z ]*release ([0-9]{1,4})\.([0-9]{1,4})(?: [ -~]*)?"),
}
_LINE = re.compile(r'([A-Z][A-Z0-9_]*)=("[^"\\$`]*"|[A-Za-z0-9_./:-]*|.*)')
_PLAIN = re.compile(r'"[ -!#%-[\]-_a-~]+"|[A-Za-z0-9_.-]+')
_VERSION = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?")
_WANTED = ("ID", "PRETTY_NAME", "VERSION_ID")


@dataclass(frozen=True)
class Release:
    """A distribution in the words of libguestfs."""

    distro: str
    major: int
    minor: int
    product: str

    @property
    def package_format(self) -> str:
        return _FORMATS[self.distro]


def release(texts: Mapping[str, str], present: Set[str]) -> Release | None:
    """Return what the files say, by their names in /etc; ``present`` are those that exist, read or not."""
    if "os-release" not in present:
        distro, name = (
            ("centos", "centos-release") if "centos-release" in present else ("rhel", "redhat-release")
        )
        return _by_file(distro, name, texts, present)
    found = _by_os_release(texts.get("os-release", ""))
    if found and not found.minor and (fuller := _FULLER.get(found.distro)):
        return _by_file(found.distro, fuller, texts, present)
    return found


def _by_os_release(text: str) -> Release | None:
    said: dict[str, str] = {}
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        if not (match := _LINE.fullmatch(line)) or match[1] in said:
            return None
        said[match[1]] = match[2]
    if not all(_PLAIN.fullmatch(said.get(name, "")) for name in _WANTED):
        return None
    distro, product, number = (said[name].strip('"') for name in _WANTED)
    version = _VERSION.fullmatch(number)
    if distro not in _FORMATS or not version:
        return None
    return Release(distro, int(version[1]), int(version[2] or 0), product.strip())


def _by_file(distro: str, name: str, texts: Mapping[str, str], present: Set[str]) -> Release | None:
    if present & set(_EARLIER[: _EARLIER.index(name)]):
        return None
    line = texts.get(name, "").partition("\n")[0]
    version = _RULES[name].fullmatch(line)
    if not version or line.count("release") != (name != "debian_version") or "Update" in line:
        return None
    return Release(distro, int(version[1]), int(version[2] or 0), line.strip())
