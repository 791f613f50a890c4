"""What virt-install is told about a guest on a host whose osinfo-db is older."""

import pytest

from goldsmith.host.process import LocalHost
from goldsmith.stages.parts import osinfo_argument


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("rhel9.1", "name=rhel9.1"),
        ("rhel9.6", "name=rhel9-unknown"),
        ("rhel10.0", "detect=off,require=off"),
        ("almalinux10", "detect=off,require=off"),
    ],
)
def test_the_nearest_name_that_the_host_knows_is_used(fake_tool, name, argument):
    fake_tool(
        "osinfo-query",
        'id=${3#short-id=}\ncase $id in rhel9.1|rhel9-unknown) printf " Short ID\\n----\\n $id\\n";; *) exit 1;; esac',
    )
    assert osinfo_argument(LocalHost(), name) == argument
