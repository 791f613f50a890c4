"""Is this host fit to build images? Each answer names the command that mends what is not."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from goldsmith.doctor import guests, interpreter, room
from goldsmith.doctor.check import Check, Question, Status
from goldsmith.doctor.tools import TOOLS
from goldsmith.errors import HostError
from goldsmith.host.closed import PASSED, make_folder
from goldsmith.host.domains import NETWORK, SYSTEM
from goldsmith.host.hypervisor import connect
from goldsmith.host.libvirtd import ensure_network, ensure_running
from goldsmith.host.process import Host

__all__ = ["Check", "Question", "Status", "checks", "mend", "questions"]


def questions(host: Host, *, state: Path, uri: str) -> list[Question]:
    """Return all checks in the order in which they are shown; nothing is asked yet."""
    return [
        *interpreter.questions(),
        *(tool.question(host) for tool in TOOLS),
        *room.questions(host, state=state, uri=uri),
        *guests.questions(host, state=state, uri=uri),
    ]


def checks(host: Host, *, state: Path, uri: str, quick: bool = False) -> Iterator[Check]:
    """Ask everything and give the answers in order, each as soon as it is there.

    ``quick`` leaves out what starts a guest or the appliance: half a minute without KVM, once for each boot
    of this host. Those two remember their answers in the state folder, so it is made for them.
    """
    asked = [one for one in questions(host, state=state, uri=uri) if not (quick and one.slow)]
    if not quick:
        _make_state(state)
    fast = [one for one in asked if not one.slow]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(Question.answer, fast)
        yield from answers
    for one in asked:
        if one.slow:
            yield one.answer()


def mend(host: Host, *, state: Path, uri: str) -> Iterator[str]:
    """Do what can be done without the user: state folder, libvirt, its network. Says what was done.

    What cannot be mended is said too, and goes on: the checks that follow tell the rest.
    """
    works: list[Callable[[], str]] = [lambda: _make_state(state), lambda: _start(host, uri)]
    for work in works:
        try:
            if done := work():
                yield done
        except HostError as error:
            yield error.text()


def _make_state(state: Path) -> str:
    if state.is_dir():
        return ""
    try:
        make_folder(state, PASSED)
    except OSError as error:
        raise HostError(
            f"{state} cannot be made: {error.strerror}", fix="give --state a folder that you may write"
        ) from None
    return f"made {state}"


def _start(host: Host, uri: str) -> str:
    ensure_running(host, uri)
    if not uri.startswith(SYSTEM):
        return ""
    with connect(uri) as hypervisor:
        if hypervisor.network_active(NETWORK):
            return ""
        ensure_network(hypervisor, NETWORK)
    return f"started libvirt's network {NETWORK}"
