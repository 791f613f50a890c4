"""One audit: refuse what is dangerous, look once, ask every check of the profile."""

import difflib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from goldsmith.artifact.inventory import Inventory
from goldsmith.audit import secrets as bytes_search
from goldsmith.audit.appliance import Appliance, converse
from goldsmith.audit.check import Check, Finding, Profile, bad, moot
from goldsmith.audit.checks import BY_ID, CHECKS
from goldsmith.audit.container import FORMATS, accepted, ask_qemu, declared, named, recognise
from goldsmith.audit.facts import Container, Expected, Facts, Guest, Hit, NotLooked, Search, System
from goldsmith.audit.gather import look
from goldsmith.audit.report import Report, Result, harmless, judged
from goldsmith.audit.tree import Unseen
from goldsmith.errors import UsageError
from goldsmith.host.process import Host, stoppable

_RED_HAT = frozenset(
    {
        "rhel",
        "centos",
        "almalinux",
        "rocky",
        "oraclelinux",
        "scientificlinux",
        "redhat-based",
        "circle",
        "eurolinux",
    }
)
_DEBIAN = frozenset({"debian", "ubuntu"})
T = TypeVar("T")


def audit(
    image: Path,
    *,
    host: Host,
    env: Mapping[str, str],
    profile: str | None = None,
    format: str | None = None,  # noqa: A002  the word of the Image API
    expected: Expected | None = None,
    secrets: Sequence[str] = (),
    waivers: Mapping[str, str] | None = None,
    copies: Sequence[Path] = (),
    scratch: Path | None = None,
    looked: Callable[[], Guest] | None = None,
) -> Report:
    """Look into an image, read-only, and answer every check of its profile.

    ``copies`` are other files of the same image, in other formats: they are searched for ``secrets`` too.

    ``env`` are the settings of libguestfs. Without ``profile`` the guest's system decides; without ``format`` the
    content does. ``waivers`` are reasons by check id. ``scratch`` is a folder with 64 MiB for the search for secrets.
    ``looked`` answers for the look, where one has begun at a disk that is known to hold the same bytes.
    Raises UsageError for what cannot be audited at all, ToolError when the appliance fails; a failed check raises
    nothing.
    """
    started = time.monotonic()
    container = check_request(image, profile=profile, format=format, waivers=waivers or {})
    chosen = Profile(profile) if profile else None
    wanted = expected or Expected()
    wanted = replace(wanted, format=named(format)) if format else wanted
    if not container.problems:
        container = ask_qemu(container, host)
    if container.problems:
        facts = Facts(container, chosen or Profile.GENERIC_LINUX, wanted)
    else:
        look_now = partial(_look, container.path, FORMATS[container.format], chosen, host, env)
        images = [container, *(accepted(recognise(one)) for one in copies)]
        with _beside(partial(_searched, images, secrets, scratch=scratch), host) as searched:
            guest = (looked or look_now)()
            facts = Facts(container, chosen or profile_of(guest.systems), wanted, guest, searched())
    return Report(
        image=image,
        profile=facts.profile,
        format=container.format,
        system=harmless(str(facts.guest.systems[0])) if facts.guest and len(facts.guest.systems) == 1 else "",
        checks=tuple(answers(facts, {} if container.problems else waivers or {})),
        seconds=time.monotonic() - started,
        inventory=facts.guest.inventory if facts.guest else None,
    )


@contextmanager
def looking(
    disk: Path, *, driver: str, profile: str, host: Host, env: Mapping[str, str]
) -> Iterator[Callable[[], Guest]]:
    """Begin the look into a disk, and give the function that waits for what it shows; it ends with the context.

    ``driver`` is QEMU's name of its format. The function raises what the look raises.
    """
    with _beside(lambda own: _look(disk, driver, Profile(profile), own, env), host) as guest:
        yield guest


@contextmanager
def _beside(task: Callable[[Host], T], host: Host) -> Iterator[Callable[[], T]]:
    """Begin a task, and give the function that waits for what it returns or raises; it ends with the context."""
    stop = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="look") as pool:
        begun = pool.submit(task, stoppable(host, stop))
        try:
            yield begun.result
        finally:
            stop.set()


def take_stock(
    image: Path,
    *,
    host: Host,
    env: Mapping[str, str],
    format: str | None = None,  # noqa: A002
) -> Inventory:
    """Look into an image, read-only, and return what it holds; no check is asked.

    Raises GateError for what no program may open or is not what it is declared to be, UsageError for what holds no
    system that can be looked into.
    """
    container = declared(accepted(check_request(image, profile=None, format=format, waivers={})), format)
    driver = FORMATS[container.format]

    def talk(appliance: Appliance) -> Guest:
        return look(appliance, sees=[], reads=[])

    guest = converse(container.path, talk, driver=driver, host=host, env=env)
    if guest.inventory is None:
        raise UsageError(
            f"{image}: {guest.reason or 'its system cannot be looked into'}",
            fix="name an image of one Linux or Windows system",
        )
    return guest.inventory


def check_request(
    image: Path,
    *,
    profile: str | None,
    format: str | None,  # noqa: A002
    waivers: Mapping[str, str],
) -> Container:
    """Raise UsageError for everything that is wrong with a request, before anything is started."""
    if profile:
        known_profile(profile)
    if format:
        named(format)
    known_waivers(waivers)
    return recognise(Path(os.path.abspath(image)))  # noqa: PTH100  a link stays what the user named


def answers(facts: Facts, waivers: Mapping[str, str], checks: Sequence[Check] = CHECKS) -> Iterable[Result]:
    """Ask all checks of the profile, in the order of their table."""
    for check in checks:
        if facts.profile in check.profiles:
            yield judged(check, _answer(check, facts), waivers.get(check.id, ""))


def _answer(check: Check, facts: Facts) -> Finding:
    try:
        return check.find(facts)
    except NotLooked as reason:
        return moot(str(reason))
    except Unseen as reason:  # somebody may have hidden it on purpose
        return bad(str(reason))


def _searched(
    images: Sequence[Container], secrets: Sequence[str], host: Host, *, scratch: Path | None
) -> Search | None:
    """Search the image and its copies for secrets, where there are any; a hit in a copy says in which."""
    if not secrets:
        return None
    hits: list[Hit] = []
    for at, image in enumerate(images):
        found = bytes_search.search(
            image.path,
            secrets,
            driver=FORMATS[image.format],
            virtual_size=image.virtual_size if at == 0 else accepted(ask_qemu(image, host)).virtual_size,
            host=host,
            scratch=scratch,
        )
        hits += [replace(hit, file=image.path.name) if at else hit for hit in found.hits]
    return replace(found, hits=tuple(hits))


def _look(image: Path, driver: str, profile: Profile | None, host: Host, env: Mapping[str, str]) -> Guest:
    asked = [check for check in CHECKS if profile is None or profile in check.profiles]

    def talk(appliance: Appliance) -> Guest:
        return look(
            appliance,
            sees=[pattern for check in asked for pattern in check.sees],
            reads=[pattern for check in asked for pattern in check.reads],
            keys=[key for check in asked for key in check.keys],
            labels=sorted({path for check in asked for path in check.labels}),
        )

    return converse(image, talk, driver=driver, host=host, env=env)


def profile_of(systems: Sequence[System]) -> Profile:
    """Return the profile that fits the systems found; none or several are judged as some Linux."""
    if len(systems) != 1:
        return Profile.GENERIC_LINUX
    system = systems[0]
    if system.kind == "windows":
        return Profile.WINDOWS
    if system.distro in _DEBIAN:
        return Profile.DEBIAN
    if system.distro in _RED_HAT and system.major >= 6:
        return {6: Profile.RHEL6, 7: Profile.RHEL7}.get(system.major, Profile.RHEL8)
    return Profile.GENERIC_LINUX


def known_profile(name: str) -> None:
    """Raise UsageError with the nearest names when there is no profile of this name."""
    if name not in tuple(Profile):
        raise UsageError(f"unknown audit profile {name!r}", fix=_nearest(name, [str(one) for one in Profile]))


def known_waivers(waivers: Mapping[str, str]) -> None:
    """Raise UsageError for a check that does not exist, or a reason that is empty."""
    for ident, reason in waivers.items():
        if ident not in BY_ID:
            raise UsageError(f"unknown audit check {ident!r}", fix=_nearest(ident, list(BY_ID)))
        if not reason.strip():
            raise UsageError(f"the waiver for {ident} gives no reason", fix=f"write {ident}=REASON")


def _nearest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    return f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(names)}"
