"""The table of failures in docs/catalog.md has the rows that tests against a real Glance show, and no others."""

import re

import failure_table


def test_every_row_of_the_page_is_shown_by_a_test_and_every_shown_row_is_on_the_page():
    cases, patterns = set(failure_table.rows()), set(failure_table.promised())
    assert len(cases) > 20
    assert [one for one in cases if not any(re.fullmatch(each, one) for each in patterns)] == []
    assert [each for each in patterns if not any(re.fullmatch(each, one) for one in cases)] == []


def test_every_row_says_what_glance_leaves_and_what_goldsmith_does():
    assert [one for one in failure_table.rows().values() if not (one.glance and one.goldsmith)] == []
