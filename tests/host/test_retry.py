import time

import pytest

from goldsmith.errors import GuestError, HostError
from goldsmith.host.clock import outside
from goldsmith.host.retry import until


def test_a_question_is_asked_until_it_has_an_answer():
    answers = iter([None, None, "10.0.0.7"])
    assert until(lambda: next(answers), what="address", deadline=5, every=0.01) == "10.0.0.7"


def test_false_and_zero_are_answers():
    assert until(lambda: 0, what="number", deadline=5) == 0
    assert until(lambda: False, what="word", deadline=5) is False


def test_a_question_without_answer_ends_with_the_last_lines_of_the_evidence():
    with pytest.raises(GuestError) as caught:
        until(
            lambda: None,
            what="SSH login",
            deadline=0.05,
            every=0.01,
            evidence=lambda: [f"line {number}" for number in range(30)],
            fix="see the console",
        )
    assert str(caught.value).startswith("no SSH login after 0.05 s\n  | line 10\n")
    assert str(caught.value).endswith("  | line 29\n  fix: see the console")


def test_the_kind_of_error_is_the_callers():
    with pytest.raises(HostError, match="no answer after 0 s"):
        until(lambda: None, what="answer", deadline=0, error=HostError)


def test_an_exception_of_the_question_ends_the_waiting():
    def question() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        until(question, what="answer", deadline=60)


def test_waiting_is_not_our_own_time():
    before, start = outside.seconds, time.monotonic()
    answers = iter([None, 1])
    until(lambda: next(answers), what="answer", deadline=5, every=0.1)
    assert outside.seconds - before == pytest.approx(time.monotonic() - start, abs=0.02)
