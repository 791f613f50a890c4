"""Who is told of a night, and is not there."""

import pytest

from goldsmith.fleet.telling import notify
from goldsmith.host.process import LocalHost
from goldsmith.recipe.nightly import Notify


@pytest.mark.parametrize("address", ["http://[::1/x", "http://127.0.0.1:port/", "http://\u0661:1/"])
def test_an_address_that_is_none_fails_no_night(address):
    wanted = Notify(webhook=address, when="always")
    (lost,) = notify(wanted, {"exit_code": 0}, LocalHost())
    assert lost.startswith("notify.webhook: ")
