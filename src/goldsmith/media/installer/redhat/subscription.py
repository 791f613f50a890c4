# SPDX-License-Identifier: GPL-2.0-or-later
"""subscription-manager and the server behind it, as far as a build meets them.

Messages and exit codes are those of subscription-manager 1.24 and Candlepin. The server knows one organisation, whose
name and keys are kept as digests: in plain text they would be in every image, where a build looks for its secrets.
"""

import configparser
import fnmatch
import hashlib
import uuid
from collections.abc import Mapping, Sequence

from goldsmith.media.installer.redhat.guest import Guest

ORG, KEY, EXPIRED = "ccc9cdcfc1f95d21", "2af16453437f2f44", "ed47b68f8a496167"  # docs/standin-installer.md
CERTIFICATE = "/etc/pki/consumer/cert.pem"
REPOS = "/etc/yum.repos.d/redhat.repo"
SERVER = "subscription.rhsm.redhat.com:443/subscription"
USAGE, SOFTWARE = 64, 70
NO_NETWORK = (
    "Network error, unable to connect to server. Please see /var/log/rhsm/rhsm.log for more information."
)

_NOT_YET = (
    "This system is not yet registered. Try 'subscription-manager register --help' for more information."
)
_VALUED = {
    "--org", "--activationkey", "--username", "--password", "--name", "--serverurl", "--baseurl", "--release",
    "--environment", "--consumerid", "--type", "--enable", "--disable", "--set", "--pool", "--quantity",
    "--servicelevel", "--proxy", "--proxyuser", "--proxypassword", "--facts",
}  # fmt: skip
_SECRET = {"--org", "--activationkey", "--username", "--password", "--proxyuser", "--proxypassword"}
Options = Mapping[str, Sequence[str]]


def masked(args: Sequence[str]) -> list[str]:
    """Return arguments as they may be shown."""
    shown: list[str] = []
    hide = False
    for word in args:
        name, equals, _ = word.partition("=")
        shown.append("***" if hide else f"{name}=***" if equals and name in _SECRET else word)
        hide = not equals and word in _SECRET
    return shown


def subscription_manager(guest: Guest, args: Sequence[str]) -> int:
    command, *rest = args or [""]
    if command not in _COMMANDS:
        guest.complain("Usage: subscription-manager MODULE-NAME [MODULE-OPTIONS] [--help]")
        return USAGE if command else 0
    options = _options(rest)
    if command not in _ANYWHERE and not _registered(guest):
        what = "This system is currently not registered." if command == "unregister" else _NOT_YET
        guest.complain(what)
        return 1
    return _COMMANDS[command](guest, options)


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    left = list(words)
    while left:
        name, equals, value = left.pop(0).partition("=")
        if name in _VALUED and not equals and left:
            value = left.pop(0)
        found.setdefault(name, []).append(value)
    return found


def _registered(guest: Guest) -> bool:
    return guest.path(CERTIFICATE).is_file()


def _digest(text: str) -> str:
    return hashlib.sha256(f"stand-in {text}".encode()).hexdigest()[:16]


def _wrong_usage(guest: Guest, options: Options) -> str:
    keys, user = options.get("--activationkey"), "--username" in options or "--password" in options
    if _registered(guest) and "--force" not in options:
        return "This system is already registered. Use --force to override"
    if keys is not None and user:
        return "Error: Activation keys do not require user credentials."
    if keys is not None and ("--auto-attach" in options or "--autosubscribe" in options):
        return "Error: Activation keys cannot be used with --auto-attach."
    if keys is not None and "--environment" in options:
        return "Error: Activation keys do not allow environments to be specified."
    if keys is not None and "" in keys:
        return "Error: Must specify an activation key"
    if keys is not None and not any(options.get("--org", ())):
        return "Error: Must provide --org with activation keys."
    return ""


def _register(guest: Guest, options: Options) -> int:
    if wrong := _wrong_usage(guest, options):
        guest.complain(wrong)
        return USAGE
    if not guest.has_network():
        guest.complain(NO_NETWORK)
        return SOFTWARE
    org = options.get("--org", [""])[-1]
    keys = options.get("--activationkey", [""])[-1].split(",")
    digests = {_digest(f"{org}:{key}") for key in keys}
    problem = ""
    if "--activationkey" not in options:
        problem = "Invalid username or password."  # the server knows no people
    elif _digest(org) != ORG:
        problem = f"Organization {org} does not exist."
    elif not digests & {KEY, EXPIRED}:
        problem = "None of the activation keys specified exist for this org."
    elif KEY not in digests:
        problem = "None of the subscriptions on the activation key were available for attaching."
    if problem:
        guest.complain(problem)
        return SOFTWARE
    consumer = str(uuid.uuid4())
    guest.write(CERTIFICATE, f"stand-in consumer {consumer}\n", 0o640)
    guest.write("/etc/pki/consumer/key.pem", "stand-in consumer key\n", 0o640)
    for name in ("", "-key"):
        guest.write(f"/etc/pki/entitlement/4711471147114711{name}.pem", "stand-in entitlement\n", 0o640)
    guest.write("/var/lib/rhsm/facts/facts.facts", "{}\n")
    guest.write("/var/lib/rhsm/cache/installed_products.json", "{}\n")
    guest.write("/var/log/rhsm/rhsm.log", f"registered consumer {consumer}\n")
    _write_repos(guest, {name: name == _default_repo(guest) for name in repositories(guest)})
    guest.note(f"standin-server: registered consumer {consumer}")
    guest.say(f"The system has been registered with ID: {consumer}")
    guest.say("The registered system name is: localhost.localdomain")
    guest.say("Installed Product Current Status:\nProduct Name: Red Hat Enterprise Linux Server")
    guest.say("Status:       Subscribed\n")
    return 0


def repositories(guest: Guest) -> tuple[str, ...]:
    g = guest.release.generation
    return tuple(f"rhel-{g}-server-{name}rpms" for name in ("", "optional-", "extras-", "rh-common-"))


def _default_repo(guest: Guest) -> str:
    return f"rhel-{guest.release.generation}-server-rpms"


def _read_repos(guest: Guest) -> dict[str, bool]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(guest.path(REPOS))
    return {name: parser[name].get("enabled", "1").strip() == "1" for name in parser.sections()}


def _write_repos(guest: Guest, repos: Mapping[str, bool]) -> None:
    text = "#\n# Certificate-Based Repositories\n# Managed by (rhsm) subscription-manager\n#\n"
    for name, on in repos.items():
        text += (
            f"\n[{name}]\nname = {name}\nbaseurl = https://cdn.redhat.com/content/standin/{name}\n"
            f"enabled = {int(on)}\ngpgcheck = 1\nsslverify = 1\n"
            "sslclientkey = /etc/pki/entitlement/4711471147114711-key.pem\n"
            "sslclientcert = /etc/pki/entitlement/4711471147114711.pem\n"
        )
    guest.write(REPOS, text)


def _repos(guest: Guest, options: Options) -> int:
    known = _read_repos(guest)
    code = 0
    for option, on in (("--disable", False), ("--enable", True)):
        for pattern in options.get(option, ()):
            hits = [name for name in known if fnmatch.fnmatch(name, pattern)]
            if not hits:
                guest.complain(
                    f"Error: '{pattern}' does not match a valid repository ID. "
                    'Use "subscription-manager repos --list" to see valid repositories.'
                )
                code = 1
            for name in hits:
                known[name] = on
                guest.say(f"Repository '{name}' is {'enabled' if on else 'disabled'} for this system.")
    _write_repos(guest, known)
    if "--list" in options or not options:
        for name, on in known.items():
            guest.say(f"Repo ID:   {name}\nRepo Name: {name}\nEnabled:   {int(on)}\n")
    return code


def _unregister(guest: Guest, options: Options) -> int:  # noqa: ARG001
    consumer = guest.path(CERTIFICATE).read_text(encoding="utf-8").split()[-1]
    guest.say(f"Unregistering from: {SERVER}")
    guest.note(f"standin-server: removed consumer {consumer}")
    _forget(guest)
    guest.say("System has been unregistered.")
    return 0


def _clean(guest: Guest, options: Options) -> int:  # noqa: ARG001
    """Forget the registration here; the server is not told, so that a consumer may be left there."""
    _forget(guest)
    guest.say("All local data removed")
    return 0


def _forget(guest: Guest) -> None:
    for folder in ("/etc/pki/consumer", "/etc/pki/entitlement"):
        for one in guest.path(folder).glob("*.pem"):
            one.unlink()
    guest.path(REPOS).unlink(missing_ok=True)


def _identity(guest: Guest, options: Options) -> int:  # noqa: ARG001
    consumer = guest.path(CERTIFICATE).read_text(encoding="utf-8").split()[-1]
    guest.say(f"system identity: {consumer}\nname: localhost.localdomain")
    return 0


def _nothing(guest: Guest, options: Options) -> int:  # noqa: ARG001
    return 0


def _status(guest: Guest, options: Options) -> int:  # noqa: ARG001
    known = _registered(guest)
    guest.say(f"Overall Status: {'Current' if known else 'Unknown'}")
    return 0 if known else 1


_COMMANDS = {
    "register": _register,
    "repos": _repos,
    "unregister": _unregister,
    "clean": _clean,
    "identity": _identity,
    "status": _status,
    "attach": _nothing,
    "refresh": _nothing,
    "release": _nothing,
    "config": _nothing,
    "facts": _nothing,
    "list": _nothing,
}
_ANYWHERE = {"register", "clean", "status", "config", "facts", "list"}
