import pytest

from goldsmith.errors import GuestError
from goldsmith.guests.leaving import taken_away
from goldsmith.host.domains import DomainState
from goldsmith.host.hypervisor import connect

XML = (
    "<domain type='test'><name>goldsmith-b1-x</name><memory>65536</memory><os><type>hvm</type></os></domain>"
)
NAME = "goldsmith-b1-x"


@pytest.fixture
def hypervisor():
    with connect("test:///default") as opened:
        opened.create(XML)
        yield opened
        opened.destroy(NAME)
        opened.undefine(NAME)


def ended_by(error, hypervisor, keep):
    with pytest.raises(error), taken_away(hypervisor, NAME, keep):
        raise error("it ended")
    return hypervisor.state(NAME)


@pytest.mark.parametrize("error", [GuestError, KeyboardInterrupt, ValueError])
def test_a_machine_goes_on_every_way_out(hypervisor, error):
    assert ended_by(error, hypervisor, None) is DomainState.GONE


def test_one_that_failed_stays_where_it_was_asked_for(hypervisor):
    assert ended_by(GuestError, hypervisor, lambda: True) is DomainState.RUNNING


def test_one_that_cannot_be_kept_goes(hypervisor):
    assert ended_by(GuestError, hypervisor, lambda: False) is DomainState.GONE


def test_ctrl_c_and_bugs_keep_nothing(hypervisor):
    assert ended_by(KeyboardInterrupt, hypervisor, lambda: True) is DomainState.GONE
    hypervisor.create(XML)
    assert ended_by(ValueError, hypervisor, lambda: True) is DomainState.GONE
