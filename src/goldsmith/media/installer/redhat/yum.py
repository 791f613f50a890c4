# SPDX-License-Identifier: GPL-2.0-or-later
"""yum, on repositories that are not fetched: an enabled one of the vendor's gives its packages, another all of them."""

import configparser
import fnmatch
import time
from collections.abc import Mapping, Sequence

from goldsmith.media.installer.redhat import boot
from goldsmith.media.installer.redhat.guest import Guest
from goldsmith.media.installer.redhat.packages import CORE, DVD, Offer
from goldsmith.media.installer.redhat.rpmdb import Package

NO_REPOS = """There are no enabled repos.
 Run "yum repolist all" to see the repos you have.
 To enable Red Hat Subscription Management repositories:
     subscription-manager repos --enable <repo>
 To enable custom repositories:
     yum-config-manager --enable <repo>"""
NO_NETWORK = """

 One of the configured repositories failed ({repo}),
 and yum doesn't have enough cached data to continue.

Cannot retrieve repository metadata (repomd.xml) for repository: {repo}/{generation}Server/x86_64. \
Please verify its path and try again"""
_VENDOR = {"": (CORE, DVD, "rhsm"), "rh-common-": ("rh-common",), "optional-": (), "extras-": ()}
_VALUED = {"-c", "-d", "-e", "-x", "--installroot", "--enablerepo", "--disablerepo", "--exclude"}


def yum(guest: Guest, args: Sequence[str]) -> int:
    """Do what a build asks of yum; its exit codes are 0, and 1 for what it calls an error."""
    words, options = _split(args)
    command, *names = words or ["help"]
    guest.say("Loaded plugins: product-id, search-disabled-repos, subscription-manager")
    if not guest.path("/etc/pki/consumer/cert.pem").exists():
        guest.complain(
            "This system is not registered with an entitlement server. "
            "You can use subscription-manager to register."
        )
    if command in ("clean", "help", "version"):
        return _clean(guest) if command == "clean" else 0
    if command == "repolist":
        for name in _repos(guest, {}):
            guest.say(name)
        return 0
    if command in ("remove", "erase", "autoremove"):
        return _remove(guest, names, sure="-y" in options)
    if command == "list":
        wanted = [one for one in guest.installed() if not names[1:] or one.name in names[1:]]
        for one in wanted:
            guest.say(f"{one.name}.{one.arch}    {one.version}-{one.release}    installed")
        return 0 if wanted else 1
    repos = _repos(guest, options)
    if not repos:
        guest.complain(NO_REPOS)
        return 1
    if not guest.has_network() and not options.keys() & {"-C", "--cacheonly"}:
        guest.complain(NO_NETWORK.format(repo=repos[0], generation=guest.release.generation))
        return 1
    _cache(guest, repos)
    if command in ("makecache", "check-update", "info", "search"):
        return 0
    if command in ("update", "upgrade"):
        return _update(guest, names, sure="-y" in options)
    if command in ("install", "localinstall", "groupinstall", "reinstall"):
        return _install(guest, names, repos, sure="-y" in options)
    guest.complain(f"No such command: {command}. Please use /usr/bin/yum --help")
    return 1


def _split(args: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    words: list[str] = []
    options: dict[str, list[str]] = {}
    left = list(args)
    while left:
        word = left.pop(0)
        if not word.startswith("-"):
            words.append(word)
            continue
        name, equals, value = word.partition("=")
        if name in _VALUED and not equals and left:
            value = left.pop(0)
        options.setdefault("-y" if name == "--assumeyes" else name, []).append(value)
    return words, options


def _repos(guest: Guest, options: Mapping[str, Sequence[str]]) -> list[str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read(sorted(guest.path("/etc/yum.repos.d").glob("*.repo")))
    on = {
        name: parser[name].get("enabled", "1").strip() in ("1", "yes", "true") for name in parser.sections()
    }
    for option, value in (("--disablerepo", False), ("--enablerepo", True)):
        for pattern in ",".join(options.get(option, ())).split(","):
            on.update(dict.fromkeys(fnmatch.filter(on, pattern), value))
    return [name for name, enabled in on.items() if enabled]


def _offered(guest: Guest, repos: Sequence[str]) -> dict[str, Offer]:
    """Return what the enabled repositories offer; those that are not the vendor's have everything."""
    places: set[str] = set()
    prefix = f"rhel-{guest.release.generation}-server-"
    for repo in repos:
        if not repo.startswith(prefix):
            return dict(guest.offers)
        places.update(_VENDOR.get(repo.removeprefix(prefix).removesuffix("rpms"), ()))
    return {name: one for name, one in guest.offers.items() if one.place in places}


def _cache(guest: Guest, repos: Sequence[str]) -> None:
    for repo in repos:
        folder = f"/var/cache/yum/x86_64/{guest.release.generation}Server/{repo}"
        guest.write(f"{folder}/repomd.xml", "<repomd/>\n")
    if not guest.path("/var/lib/yum/uuid").exists():
        guest.write("/var/lib/yum/uuid", "00000000-0000-4000-8000-000000000000\n")


def _clean(guest: Guest) -> int:
    """Forget the enabled repositories' data; that of repositories no longer enabled stays, as with yum."""
    repos = _repos(guest, {})
    base = guest.path(f"/var/cache/yum/x86_64/{guest.release.generation}Server")
    for repo in repos:
        for one in sorted((base / repo).glob("**/*"), reverse=True):
            one.unlink() if one.is_file() else one.rmdir()
    if not repos:
        guest.complain(NO_REPOS)
        return 1
    guest.say(f"Cleaning repos: {' '.join(repos)}")
    return 0


def _agreed(guest: Guest, *, sure: bool) -> bool:
    if not sure:
        guest.say("Is this ok [y/d/N]: \nExiting on user command")
    return sure


def _install(guest: Guest, names: Sequence[str], repos: Sequence[str], *, sure: bool) -> int:
    offered = _offered(guest, repos)
    have = {one.name for one in guest.installed()}
    new: list[Offer] = []
    known = 0
    for name in names:
        hits = [one for key, one in offered.items() if fnmatch.fnmatch(key, name) or str(one.package) == name]
        for hit in hits:
            known += 1
            if hit.package.name in have:
                guest.say(f"Package {hit.package} already installed and latest version")
            else:
                new.append(hit)
        if not hits:
            guest.say(f"No package {name} available.")
    if not new:
        if known:
            guest.say("Nothing to do")
            return 0
        guest.complain("Error: Nothing to do")
        return 1
    if not _agreed(guest, sure=sure):
        return 1
    install(guest, new)
    guest.say("Complete!")
    return 0


def install(guest: Guest, new: Sequence[Offer]) -> None:
    """Lay down packages and note them."""
    for number, one in enumerate(new, 1):
        guest.say(f"  Installing : {one.package}  {number}/{len(new)}")
        guest.lay_down(one)
    guest.keep([*guest.installed(), *(one.package for one in new)])
    with guest.path("/var/log/yum.log").open("a", encoding="utf-8") as log:
        log.writelines(f"{time.strftime('%b %d %H:%M:%S')} Installed: {one.package}\n" for one in new)


def _update(guest: Guest, names: Sequence[str], *, sure: bool) -> int:
    """Bring what is newer: a kernel, once."""
    newer = guest.release.newer_kernel
    version, _, release = newer.partition("-")
    kernel = Package("kernel", version, release)
    have = guest.installed()
    if kernel in have or (names and not any(fnmatch.fnmatch("kernel", name) for name in names)):
        guest.say("No packages marked for update")
        return 0
    if not _agreed(guest, sure=sure):
        return 1
    guest.say(f"  Installing : {kernel}  1/1")
    boot.add_kernel(guest, f"{newer}.x86_64")
    guest.keep([*have, kernel])
    guest.say("Complete!")
    return 0


def _remove(guest: Guest, names: Sequence[str], *, sure: bool) -> int:
    have = guest.installed()
    gone = [one for one in have if any(fnmatch.fnmatch(one.name, name) for name in names)]
    for name in names:
        if not any(fnmatch.fnmatch(one.name, name) for one in have):
            guest.say(f"No Match for argument: {name}")
    if not gone:
        guest.say("No Packages marked for removal")
        return 0
    if not _agreed(guest, sure=sure):
        return 1
    for one in gone:
        guest.say(f"  Erasing    : {one}")
        guest.take_away(one.name)
    guest.keep([one for one in have if one not in gone])
    guest.say("Complete!")
    return 0


def yum_config_manager(guest: Guest, args: Sequence[str]) -> int:
    """Write a repository for --add-repo; other options only print."""
    for at, word in enumerate(args):
        url = word.partition("=")[2] or (args[at + 1] if at + 1 < len(args) else "")
        if word.startswith("--add-repo"):
            name = "".join(letter if letter.isalnum() else "_" for letter in url.partition("//")[2])
            text = f"[{name}]\nname=added from: {url}\nbaseurl={url}\nenabled=1\n"
            guest.write(f"/etc/yum.repos.d/{name}.repo", text)
    return 0
