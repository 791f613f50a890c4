import json

import pytest
from pydantic import ValidationError

from goldsmith.errors import GuestError
from goldsmith.guests import cloudcfg
from goldsmith.recipe.steps import CloudInit

CFG = """users:
 - default

cloud_init_modules:
 - migrator
 - ['users-groups', always]
 - rsyslog

cloud_config_modules:
 - mounts
"""


def test_a_module_is_added_at_the_end_of_its_list_with_the_indent_of_the_others():
    text = cloudcfg.add_module(CFG, "resolv-conf", path="cloud.cfg")
    assert " - rsyslog\n - resolv-conf\n\ncloud_config_modules:" in text
    assert text.replace(" - resolv-conf\n", "") == CFG


@pytest.mark.parametrize("module", ["migrator", "users-groups"])
def test_a_module_that_is_there_is_not_added_again(module):
    assert cloudcfg.add_module(CFG, module, path="cloud.cfg") == CFG


def test_a_guest_without_cloud_init_is_told():
    with pytest.raises(GuestError, match="has no list cloud_init_modules"):
        cloudcfg.add_module("users: []\n", "resolv-conf", path="/etc/cloud/cloud.cfg")


def test_user_and_datasources_go_into_a_drop_in():
    step = CloudInit(default_user="cloud-user", datasources=("ConfigDrive", "OpenStack"))
    text = cloudcfg.fragment(step)
    assert 'datasource_list: ["ConfigDrive", "OpenStack"]\n' in text
    assert '"name": "cloud-user"' in text
    assert '"lock_passwd": true' in text
    assert '"sudo": ["ALL=(ALL) NOPASSWD:ALL"]' in text


def test_nothing_said_is_no_drop_in():
    assert cloudcfg.fragment(CloudInit(add_module=("resolv-conf",))) == ""


def test_the_module_gets_the_setting_that_makes_it_write_and_what_it_is_to_write():
    known = {
        "nameservers": ["192.0.2.1"],
        "domain": "example.test",
        "options": {"rotate": True, "timeout": 1},
    }
    text = cloudcfg.fragment(CloudInit(add_module="resolv-conf", resolv_conf=known))
    assert "manage_resolv_conf: true\n" in text
    line = next(one for one in text.splitlines() if one.startswith("resolv_conf: "))
    assert json.loads(line.partition(": ")[2]) == known


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"resolv_conf": {"domain": "x"}}, "written by a module that is not in use"),
        ({"add_module": "resolv-conf", "resolv_conf": {}}, "resolv_conf says nothing"),
    ],
)
def test_what_would_write_nothing_is_refused(said, problem):
    with pytest.raises(ValidationError, match=problem):
        CloudInit.model_validate(said)
