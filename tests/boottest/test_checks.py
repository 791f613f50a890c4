"""Each check both ways: it is content with good boots, and finds the one thing that was spoiled."""

from dataclasses import replace

import pytest

from goldsmith.audit.check import Profile
from goldsmith.audit.report import Status
from goldsmith.boottest.checks import CHECKS
from goldsmith.boottest.run import answers
from goldsmith.boottest.seed import Source

from .sample import PROMISES, SPOILED, first, ssh, trial

BY_ID = {check.id: check for check in CHECKS}


def result(found, ident):
    (one,) = answers(found, {}, [BY_ID[ident]])
    return one


def test_every_check_has_an_id_of_its_own_and_is_spoiled_at_least_once():
    assert len(BY_ID) == len(CHECKS)
    assert {ident for ident, *_ in SPOILED} == set(BY_ID)


@pytest.mark.parametrize("profile", PROMISES)
def test_good_boots_pass_every_check_of_their_profile(profile):
    found = list(answers(trial(profile), {}))
    assert [one for one in found if one.status not in (Status.OK, Status.SKIPPED)] == []
    skipped = {one.id: one.detail for one in found if one.status == Status.SKIPPED}
    foreign = {check.id: f"not asked of {profile}" for check in CHECKS if profile not in check.profiles}
    assert foreign.items() <= skipped.items()
    assert skipped.keys() - foreign.keys() <= {"B-L15"}


@pytest.mark.parametrize("case", SPOILED, ids=lambda case: f"{case[0]} {case[1]} {case[3]}"[:60])
def test_what_is_spoiled_is_found_out(case):
    ident, profile, spoil, words = case
    good = trial(profile)
    assert result(good, ident).status == Status.OK
    found = result(spoil(good), ident)
    assert found.status == (Status.FAILED if BY_ID[ident].severity == "error" else Status.WARNING)
    assert words in found.detail
    assert found.fix
    assert found.why


def test_where_nobody_could_look_inside_the_login_fails_and_the_rest_is_skipped():
    blind = first(seen={}, ssh=None, agent=False)(trial(Profile.DEBIAN))
    found = {one.id: one for one in answers(blind, {})}
    assert found["B-L2"].status == Status.FAILED
    assert found["B-C3"].status == Status.FAILED
    assert found["B-C1"].status == Status.SKIPPED
    assert "nobody could look inside" in found["B-C1"].detail
    assert "no sshd answered" in found["B-L4"].detail


@pytest.mark.parametrize(
    ("ident", "change", "words"),
    [
        ("B-L9", lambda good: good.first.seen | {"cloud-init": []}, "there is no cloud-init"),
        ("B-L12", lambda good: good.first.seen | {"state": []}, "the guest has no systemd"),
        ("B-L17", lambda good: good.first.seen | {"zone": []}, "does not tell its time"),
        ("B-C2", lambda good: good.first.seen | {"root": []}, "does not tell how large"),
    ],
)
def test_a_question_that_does_not_arise_is_skipped_with_its_reason(ident, change, words):
    good = trial(Profile.DEBIAN)
    found = result(replace(good, first=replace(good.first, seen=change(good))), ident)
    assert found.status == Status.SKIPPED
    assert words in found.detail


@pytest.mark.parametrize(
    ("profile", "both", "skipped"),
    [
        (Profile.DEBIAN, Source.DRIVE, {"B-L22": "--metadata config-drive"}),
        (Profile.WINDOWS, Source.DRIVE, {"B-W6": "--metadata config-drive"}),
        (Profile.DEBIAN, Source.SERVICE, {"B-L10": "--metadata service", "B-L13": "no server for names"}),
    ],
)
def test_what_only_the_other_way_to_the_metadata_shows_is_skipped(profile, both, skipped):
    good = trial(profile)
    told = replace(
        good,
        first=replace(good.first, instance=replace(good.first.instance, source=both)),
        second=replace(good.second, instance=replace(good.second.instance, source=both)),
    )
    for ident, words in skipped.items():
        found = result(told, ident)
        assert found.status == Status.SKIPPED
        assert words in found.detail


@pytest.mark.parametrize(
    ("ident", "answers_", "words"),
    [
        ("B-W7", {"drivers": []}, "does not tell of its devices"),
        ("B-W8", {"rdp": ["denied=1", "port=3389"]}, "switched off in this image"),
        ("B-W8", {"rdp": []}, "does not tell"),
    ],
)
def test_what_a_windows_does_not_tell_or_has_not_is_skipped(ident, answers_, words):
    good = trial(Profile.WINDOWS)
    found = result(first(seen={**good.first.seen, **answers_})(good), ident)
    assert found.status == Status.SKIPPED
    assert words in found.detail


def test_an_agent_that_nobody_promised_may_be_missing():
    good = first(agent=False)(trial(Profile.DEBIAN))
    found = result(replace(good, hardware=replace(good.hardware, agent=False)), "B-C3")
    assert (found.status, found.detail) == (
        Status.SKIPPED,
        "it does not answer, and no property of the image promises it",
    )


def test_a_sudo_that_wants_a_terminal_is_not_judged():
    found = result(ssh(sudo="sudo: sorry, you must have a tty to run sudo")(trial(Profile.RHEL6)), "B-L3")
    assert found.status == Status.SKIPPED
    assert "requiretty" in found.detail


def test_a_waiver_with_its_reason_lets_a_check_fail():
    (found,) = answers(first(off=None)(trial(Profile.DEBIAN)), {"B-C4": "no button here"}, [BY_ID["B-C4"]])
    assert (found.status, found.waiver) == (Status.WAIVED, "no button here")
