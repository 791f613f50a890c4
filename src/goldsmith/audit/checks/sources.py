"""Where the guest gets its packages from: subscriptions, repositories, proxies of the build."""

import configparser
import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from goldsmith.audit.check import (
    LINUX,
    RHEL,
    Finding,
    Profile,
    Severity,
    absent,
    bad,
    check,
    good,
    moot,
    some,
)
from goldsmith.audit.facts import Facts

_REDHAT = "/etc/yum.repos.d/redhat.repo"
_REPOS = ("/etc/yum.conf", "/etc/dnf/dnf.conf", "/etc/yum.repos.d/*.repo")
_RHSM = "/etc/rhsm/rhsm.conf"
_SHIPPED = frozenset({"subscription.rhsm.redhat.com", "subscription.rhn.redhat.com"})
_CREDENTIALS = ("proxy", "proxy_username", "proxy_password", "username", "password")
_APT = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources")
_PROXIES = ("/etc/environment", "/etc/profile.d/*.sh", "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*")
_SHELL_PROXY = re.compile(r"(?i)^\s*(?:export\s+)?(?:https?|ftp|all)_proxy=[\"']?([^\s\"']+)")
_APT_PROXY = re.compile(r"(?i)^\s*acquire::(?:https?|ftp)::proxy\s+\"([^\"]+)\"")

no_certificates = absent(
    "O-L27",
    "the guest is not registered",
    "/etc/pki/consumer/*",
    "/etc/pki/entitlement/*",
    why="all clones would be one system to the subscription service, with the certificates of the build",
    source="subscription-manager(8), clean; virt-sysprep(1), rh-subscription-manager",
    expected="no certificates in /etc/pki/consumer and /etc/pki/entitlement",
    fix="subscription-manager repos --disable='*'; subscription-manager unregister; subscription-manager clean",
    profiles=RHEL,
)
no_system_id = absent(
    "O-L30",
    "the guest is not registered with the old RHN",
    "/etc/sysconfig/rhn/systemid",
    why="all clones would be one system to the old Red Hat Network or a Satellite",
    source="virt-sysprep(1), rhn-systemid",
    expected="no /etc/sysconfig/rhn/systemid",
    fix="virt-sysprep --operations rhn-systemid -a IMAGE",
    profiles=frozenset({Profile.RHEL6}),
)


def _sections(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the sections of an ini file. Raises configparser.Error for what no reader could take."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), default_section="\0")
    parser.read_string(text)
    for name in parser.sections():
        yield name, dict(parser.items(name))


def _on(section: dict[str, str]) -> bool:
    return section.get("enabled", "1").strip().lower() in ("1", "yes", "true", "on")


@check(
    "O-L28",
    "no repository of the build's subscription",
    why="its client certificate is gone, so each yum of the guest ends in an error",
    source="subscription-manager(8), redhat.repo",
    expected="redhat.repo absent, or nothing enabled and no client key in it",
    fix="subscription-manager clean; rm -f /etc/yum.repos.d/redhat.repo as the last customize step",
    profiles=RHEL,
    reads=[_REDHAT],
)
def no_redhat_repo(facts: Facts) -> Finding:
    if (text := facts.files.text(_REDHAT)) is None:
        return good("absent")
    try:
        hits = [name for name, one in _sections(text) if _on(one) or one.get("sslclientkey")]
    except configparser.Error as error:
        return bad(f"cannot be read: {str(error).splitlines()[0]}")
    return bad(f"{some(hits)} in {_REDHAT}") if hits else good("nothing enabled")


@check(
    "O-L29",
    "the subscription service is the shipped one",
    why="a Satellite or proxy of the build is unknown where the guest lives, and its password is everybody's",
    source="rhsm.conf(5)",
    expected="the shipped hostname, no proxy",
    fix="subscription-manager config --remove=server.hostname --remove=server.proxy_hostname "
    "--remove=server.proxy_user --remove=server.proxy_password",
    profiles=RHEL,
    reads=[_RHSM],
)
def shipped_rhsm(facts: Facts) -> Finding:
    if (text := facts.files.text(_RHSM)) is None:
        return moot("the guest has no subscription-manager")
    try:
        server = dict(_sections(text)).get("server", {})
    except configparser.Error as error:
        return bad(f"cannot be read: {str(error).splitlines()[0]}")
    hits = [
        name for name in ("proxy_hostname", "proxy_user", "proxy_password") if server.get(name, "").strip()
    ]
    host = server.get("hostname", "").strip()
    if host and host not in _SHIPPED:
        hits.append(f"hostname {host}")
    return bad(some(hits)) if hits else good(host or "the default")


def _of_the_build(url: str) -> str:
    """Return why a URL means nothing outside of the build, or an empty text."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return f"{url} is on the guest's own disk"
    if parts.username or parts.password:
        return f"credentials in a URL of {parts.hostname}"
    host = parts.hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        short = "." not in host and "$" not in host
        return f"{host} is a name of one network" if host and short else ""
    return f"{host} is a private address" if address.is_private or address.is_loopback else ""


def _faults(section: dict[str, str]) -> Iterator[str]:
    for key in _CREDENTIALS:
        if section.get(key, "").strip() not in ("", "_none_"):
            yield f"{key}="
    for key in ("baseurl", "mirrorlist", "metalink"):
        for url in section.get(key, "").replace(",", " ").split():
            if _on(section) and (fault := _of_the_build(url)):
                yield fault


@check(
    "O-L46",
    "no repositories, proxies and passwords of the build",
    why="the address means nothing where the guest will live, and what stands behind a password is no longer secret",
    source="yum.conf(5), dnf.conf(5)",
    expected="public repositories, no proxy, no credentials",
    fix="rm the .repo files of the build in the last customize step; remove proxy= from /etc/yum.conf",
    profiles=RHEL,
    reads=_REPOS,
)
def public_repos(facts: Facts) -> Finding:
    hits = []
    for path in (path for pattern in _REPOS for path in facts.files.match(pattern) if path != _REDHAT):
        try:
            sections = list(_sections(facts.files.text(path) or ""))
        except configparser.Error as error:
            hits.append(f"{path} cannot be read: {str(error).splitlines()[0]}")
            continue
        hits += [f"{fault} ({path} [{name}])" for name, one in sections for fault in _faults(one)]
    return bad(some(hits)) if hits else good("none")


@check(
    "O-G4",
    "no package sources of the build",
    why="apt waits for a server that nobody can reach from where the guest will live",
    source="sources.list(5)",
    expected="public servers, no credentials in a URL",
    fix="write /etc/apt/sources.list anew as the last customize step",
    severity=Severity.WARNING,
    profiles=frozenset({Profile.DEBIAN}),
    reads=_APT,
)
def public_sources(facts: Facts) -> Finding:
    lines = [
        line.strip()
        for pattern in _APT
        for path in facts.files.match(pattern)
        for line in (facts.files.text(path) or "").splitlines()
        if not line.lstrip().startswith("#")
    ]
    urls = [url for line in lines for url in re.findall(r"(?:https?|ftp|file):\S+", line)]
    hits = [fault for url in urls if (fault := _of_the_build(url))]
    return bad(some(sorted(set(hits)))) if hits else good(f"{len(urls)} public")


@check(
    "O-G5",
    "no proxy of the build",
    why="every program of the guest would ask a machine that is not there, and may tell it a password",
    source="apt.conf(5), Acquire; environment variables http_proxy and https_proxy",
    expected="no http_proxy in /etc/environment and /etc/profile.d, none for apt",
    fix="give proxies to the build by the environment of its steps, not by files of the guest",
    severity=Severity.WARNING,
    profiles=LINUX,
    reads=_PROXIES,
)
def no_proxy(facts: Facts) -> Finding:
    hits = [
        path
        for pattern in _PROXIES
        for path in facts.files.match(pattern)
        for line in (facts.files.text(path) or "").splitlines()
        if (found := _SHELL_PROXY.match(line) or _APT_PROXY.match(line)) and found[1].lower() != "direct"
    ]
    return bad(some(sorted(set(hits)))) if hits else good("none")


CHECKS = (no_certificates, no_redhat_repo, shipped_rhsm, no_system_id, public_repos, public_sources, no_proxy)
