"""Templates that would not end, or would fill the memory."""

import resource
import signal
import threading
import time

import pytest

from goldsmith.errors import RecipeError
from goldsmith.guests.bounds import TooLong, bounded
from goldsmith.guests.render import expand, render
from goldsmith.recipe.secrets import References

GREEDY = {
    "method": "{{ 'x'.zfill(1999999999) }}",
    "format": "{{ '{:>1999999999}'.format(1) }}",
    "filter": "{{ [1] | batch(1999999999, 'x') | list }}",
    "doubling": "{% set ns = namespace(s='0123456789') %}"
    "{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
}
ENDLESS = {
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "constant": "{{ 9 | round(-999999999999) }}",
    "number": "{{ n | round(-999999999999) }}",
}


def whole(tmp_path, text, patience=60):
    (tmp_path / "main.j2").write_text(f"text\n{text}\n")
    render("main.j2", {"n": 9}, folders=[tmp_path], target="text", secrets=References(), patience=patience)


@pytest.mark.parametrize("text", GREEDY.values(), ids=GREEDY)
def test_what_fills_the_memory_is_told_with_its_line(tmp_path, text):
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(RecipeError, match=r"main\.j2:2: the template fails: it fills the memory"):
        whole(tmp_path, text)
    with pytest.raises(RecipeError, match="this text is no template: it fills the memory"):
        expand(text, {}, patience=60)
    assert resource.getrlimit(resource.RLIMIT_AS) == limits


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_what_does_not_end_is_told_with_its_line(tmp_path, text):
    with pytest.raises(RecipeError, match=r"main\.j2:2: the template fails: took longer than 0.5 s"):
        whole(tmp_path, text, patience=0.5)
    with pytest.raises(RecipeError, match="this text is no template: took longer than 0"):
        expand(text, {"n": 9}, patience=0.5)


def test_the_alarm_of_others_is_theirs_again():
    def theirs(_signal, _frame):
        raise AssertionError("too early")

    handler = signal.signal(signal.SIGALRM, theirs)
    timer = signal.setitimer(signal.ITIMER_REAL, 60)
    try:
        with pytest.raises(TooLong), bounded(0.01):
            time.sleep(5)
        assert signal.getsignal(signal.SIGALRM) is theirs
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def test_other_threads_get_no_signals_and_are_not_bounded():
    done = []

    def work():
        with bounded(0.01):
            time.sleep(0.05)
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
