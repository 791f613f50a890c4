"""Checks of the recipe's own: how they are run, and what makes them fail."""

from dataclasses import replace

import pytest

from goldsmith.audit.check import Profile
from goldsmith.boottest.facts import Answered
from goldsmith.boottest.own import OwnCheck, answered, boot_checks
from goldsmith.boottest.run import answers
from goldsmith.errors import GuestError
from goldsmith.host.commands import Ran

from .sample import trial

WEB = OwnCheck("web server", "systemctl is-active httpd", expect="^active$")


def result(ended, check=WEB):
    good = trial(Profile.RHEL7)
    spoiled = replace(good, first=replace(good.first, own=ended))
    (one,) = answers(spoiled, {}, boot_checks([check]))
    return one


@pytest.mark.parametrize(
    ("ended", "status", "detail"),
    [
        (Answered(0, ("active",)), "ok", "printed active"),
        (Answered(0, ("starting", "active")), "ok", "printed starting / active"),
        (
            Answered(0, ("inactive",)),
            "failed",
            "printed inactive; expected exit status 0 and output like '^active$'",
        ),
        (Answered(3, ("active",)), "failed", "exit status 3, printed active"),
        (Answered(0, ()), "failed", "printed nothing"),
        (Answered(-1, ("no answer in 120 s",)), "failed", "exit status -1, printed no answer in 120 s"),
    ],
)
def test_a_check_wants_exit_status_0_and_output_as_expected(ended, status, detail):
    one = result((ended,))
    assert (one.id, one.title, one.status) == ("R-1", "web server", status)
    assert one.detail.startswith(detail)


def test_without_an_expectation_the_exit_status_alone_counts():
    check = OwnCheck("mount", "mountpoint /srv")
    assert result((Answered(0, ()),), check).status == "ok"
    assert result((Answered(1, ()),), check).status == "failed"


def test_a_check_that_was_not_run_has_failed_and_one_that_nobody_could_run_is_skipped():
    assert result(()).detail.startswith("its script was not run")
    good = trial(Profile.RHEL7)
    dark = replace(good, first=replace(good.first, seen={}))
    (one,) = answers(dark, {}, boot_checks([WEB]))
    assert one.status == "skipped"


def test_a_waiver_holds_for_own_checks_too():
    good = trial(Profile.RHEL7)
    spoiled = replace(good, first=replace(good.first, own=(Answered(1, ()),)))
    (one,) = answers(spoiled, {"R-1": "known"}, boot_checks([WEB]))
    assert (one.status, one.waiver) == ("waived", "known")


def test_a_script_that_takes_too_long_costs_no_other_its_answer():
    def run(check):
        if check.script == "sleep":
            raise GuestError("no end of the command in 120 s")
        return Ran(0, ("fine",))

    found = answered(run, [OwnCheck("a", "sleep"), OwnCheck("b", "true")])
    assert found == (Answered(-1, ("no end of the command in 120 s",)), Answered(0, ("fine",)))
