"""A finding at a file that a build replaced meanwhile is none."""

import pytest

from goldsmith.errors import HostError
from goldsmith.media.stable import stable


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "medium.iso"
    path.write_bytes(b"old")
    return path


def test_what_is_found_at_the_same_file_counts(file):
    assert stable(lambda: "is damaged", file) == "is damaged"
    assert stable(lambda: "", file) == ""


def test_what_is_found_at_a_file_that_was_made_anew_does_not_count(file):
    def look():
        fresh = file.with_name("fresh")
        fresh.write_bytes(b"new")
        fresh.replace(file)
        return "is damaged"

    assert stable(look, file) == ""


@pytest.mark.parametrize("error", [HostError("cannot be read", fix="see to it"), FileNotFoundError()])
def test_a_file_that_goes_while_it_is_read_is_no_failure_and_one_that_stays_is(file, error):
    def look():
        raise error

    with pytest.raises(type(error)):
        stable(look, file)

    def look_late():
        file.unlink()
        raise error

    assert stable(look_late, file) == ""
    assert stable(lambda: "is damaged", file) == ""
