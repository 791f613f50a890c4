"""Where this host takes its packages from: the mirrors, keys and proxy that apt uses here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from goldsmith.errors import HostError, ToolError
from goldsmith.host.process import Host

COMPONENTS = ("main", "universe")
_FORMAT = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(SOURCESENTRY)"
# What makes apt reach a mirror here, and nothing that would change what gets installed.
_OPTIONS = re.compile(
    r"Acquire::(?:https?::.*|Check-Valid-Until|Check-Date|Retries|ForceIPv[46]|AllowInsecure\w+) "
)
_ELSEWHERE = "make the medium on a Debian or Ubuntu host, then here: goldsmith media add FILE"


@dataclass(frozen=True)
class Distribution:
    """What this host runs, from os-release."""

    id: str
    suite: str

    @property
    def keyring(self) -> str:
        return f"/usr/share/keyrings/{self.id}-archive-keyring.gpg"


@dataclass(frozen=True)
class Entry:
    """One apt source, with the way its signatures are checked."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""  # a path, or a key block as deb822 has it
    trusted: bool = False


@dataclass(frozen=True)
class AptSources:
    entries: tuple[Entry, ...]
    options: tuple[str, ...]  # apt.conf lines

    def for_build(self) -> str:
        """Return the deb822 text for apt here; it may hold credentials."""
        return _deb822(self.entries)

    def for_guest(self) -> str:
        """Return the deb822 text that may go into an image: no credentials, only mirrors a guest can reach."""
        reachable = [one for one in self.entries if one.uri.startswith(("http:", "https:"))]
        return _deb822([Entry(_bare(one.uri), one.suite, one.components, one.signed_by) for one in reachable])


def this_distribution(os_release: Path = Path("/etc/os-release")) -> Distribution:
    """Tell what this host runs; raises HostError where it is not Debian or a child of it."""
    try:
        text = os_release.read_text(encoding="utf-8")
    except OSError:
        text = ""
    facts = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    if facts.get("ID") not in ("debian", "ubuntu") or not facts.get("VERSION_CODENAME"):
        name = facts.get("PRETTY_NAME", "this system")
        raise HostError(f"{name} has no Debian packages to make the demo installer from", fix=_ELSEWHERE)
    return Distribution(facts["ID"], facts["VERSION_CODENAME"])


def read_apt_sources(host: Host, distribution: Distribution) -> AptSources:
    """Ask apt for its sources of ``distribution``; raises HostError where it has none."""
    try:
        listed = host.run(
            "apt-get", "indextargets", "--format", _FORMAT, "Identifier: Packages", fix=_ELSEWHERE
        )
        config = host.run("apt-config", "dump", fix=_ELSEWHERE)
    except ToolError as error:
        raise HostError(f"apt does not tell its sources: {error.problem}", fix="apt-get update") from None
    suites = [distribution.suite + ending for ending in ("", "-updates", "-security")]
    rows = [line.split("|") for line in listed.stdout.splitlines() if line.count("|") == 4]
    entries: dict[tuple[str, str], Entry] = {}
    for uri, suite, component, origin, source in rows:
        if suite not in suites or component not in COMPONENTS or not _own(origin, distribution):
            continue
        known = entries.get((uri, suite))
        components = (*known.components, component) if known else (component,)
        signed_by, trusted = _signature(source, distribution)
        entries[uri, suite] = Entry(
            _first_mirror(uri), suite, tuple(dict.fromkeys(components)), signed_by, trusted
        )
    if distribution.suite not in {one.suite for one in entries.values()}:
        raise HostError(
            f"apt has no source for {distribution.suite} here",
            fix=f"add the mirror of {distribution.suite} to /etc/apt/sources.list.d, then: apt-get update",
        )
    options = tuple(line for line in config.stdout.splitlines() if _OPTIONS.match(line))
    return AptSources(tuple(entries.values()), options)


def _own(origin: str, distribution: Distribution) -> bool:
    unknown = not origin or "$(" in origin  # apt has not fetched the lists yet
    return unknown or origin.lower() == distribution.id


def _first_mirror(uri: str) -> str:
    """Return the first mirror of a ``mirror+file:`` list, as Debian's cloud images have it; else ``uri``."""
    if not uri.startswith("mirror+file:"):
        return uri
    for line in Path(urlsplit(uri).path.rstrip("/")).read_text(encoding="utf-8").splitlines():
        if (words := line.split()) and not words[0].startswith("#"):
            return words[0]
    return uri


def _signature(source: str, distribution: Distribution) -> tuple[str, bool]:
    """Read Signed-By and Trusted of the entry that apt names as ``file:number``."""
    name, _, number = source.rpartition(":")
    default = distribution.keyring if Path(distribution.keyring).is_file() else ""
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError:
        return default, False
    if not name.endswith(".sources"):
        line = text.splitlines()[int(number) - 1] if number.isdigit() else ""
        found = re.search(r"signed-by=([^\s\]]+)", line)
        return found.group(1) if found else default, "trusted=yes" in line
    stanzas = [one for one in re.split(r"\n\s*\n", text) if re.search(r"^URIs:", one, re.M | re.I)]
    stanza = stanzas[int(number) - 1] if number.isdigit() and int(number) <= len(stanzas) else ""
    key = re.search(r"^Signed-By:[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.M | re.I)
    return key.group(1).rstrip() if key else default, bool(re.search(r"^Trusted:\s*yes", stanza, re.M | re.I))


def _deb822(entries: Iterable[Entry]) -> str:
    stanzas = []
    for one in entries:
        lines = [
            "Types: deb",
            f"URIs: {one.uri}",
            f"Suites: {one.suite}",
            f"Components: {' '.join(one.components)}",
        ]
        lines += [f"Signed-By: {one.signed_by}"] if one.signed_by else []
        lines += ["Trusted: yes"] if one.trusted else []
        stanzas.append("\n".join(lines) + "\n")
    return "\n".join(stanzas)


def _bare(uri: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
