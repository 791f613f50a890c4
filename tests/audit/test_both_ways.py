"""One table of all checks: for each there is a guest that it passes, and a spoiled one that it refuses."""

from collections import defaultdict

from goldsmith.audit.checks import BY_ID, CHECKS
from goldsmith.audit.report import Status
from goldsmith.audit.run import answers

from .phony import GUESTS
from .spoilings import GROWN, SPOILED
from .test_windows import CLIENT, GOOD
from .test_windows import SPOILED as SPOILED_WINDOWS

REFUSED = {Status.FAILED, Status.WARNING}


def status(guest, ident):
    (found,) = answers(guest.facts(), {}, [BY_ID[ident]])
    return found.status


def cases():
    """Yield check, guest before and guest after it is spoiled."""
    for ident, name, spoil, _, *before in SPOILED:
        guest = GUESTS[name]()
        for change in before:
            guest = change(guest)
        yield ident, guest, spoil(guest)
    for ident, guest, spoil, words in SPOILED_WINDOWS:
        if words is not None:
            yield ident, guest, spoil(guest)


def test_each_check_passes_a_guest_and_refuses_a_spoiled_one():
    table = defaultdict(set)
    for ident, good, spoiled in cases():
        table[ident] |= {(status(good, ident), status(spoiled, ident))}
    assert set(table) == {check.id for check in CHECKS}
    assert {pair for pairs in table.values() for pair in pairs} == {(Status.OK, one) for one in REFUSED}


def test_each_check_passes_a_good_guest_in_each_of_its_profiles():
    good = [*(make() for make in GUESTS.values()), GROWN(GUESTS["rhel6"]()), GOOD, CLIENT]
    passed = {
        (one.id, facts.profile)
        for facts in (guest.facts() for guest in good)
        for one in answers(facts, {})
        if one.status == Status.OK
    }
    assert passed == {(check.id, profile) for check in CHECKS for profile in check.profiles}
