"""Channels in a real Glance: what holds for the embedded catalog, and what only a cloud can get wrong."""

import itertools
import json
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import glance_server
import pytest

from goldsmith.catalog.entry import Query, Status, Visibility
from goldsmith.catalog.rules import CHANNEL
from goldsmith.errors import CatalogError
from goldsmith.promote import decide
from goldsmith.promote.cloud_log import DONE, EVENT, Overtaken
from goldsmith.promote.event import Kind, state_of
from goldsmith.recipe.promotion import DEV, ChannelPart, Gates

from .cloud_shop import CloudShop
from .test_channels import (  # what holds for both, run here against a cloud
    released,  # noqa: F401
    test_a_build_enters_the_first_channel_by_itself,  # noqa: F401
    test_a_channel_can_publish_what_enters_and_hide_what_leaves,  # noqa: F401
    test_a_channel_has_one_version_at_a_time,  # noqa: F401
    test_a_channel_that_is_not_where_it_was_expected_is_left_alone,  # noqa: F401
    test_a_forced_promotion_needs_a_reason_and_says_so_in_the_history,  # noqa: F401
    test_a_promotion_moves_no_bytes_and_one_property_finds_the_image,  # noqa: F401
    test_a_promotion_that_is_done_already_changes_nothing,  # noqa: F401
    test_a_released_image_is_protected_while_it_is_released_and_no_longer,  # noqa: F401
    test_a_revoked_version_leaves_all_channels_and_consumers_get_no_bytes,  # noqa: F401
    test_a_rollback_goes_to_the_version_before_and_again_to_the_one_before_that,  # noqa: F401
    test_a_version_is_refused_at_the_gate_that_has_a_reason,  # noqa: F401
    test_all_formats_of_a_version_move_together,  # noqa: F401
    test_an_image_that_was_protected_before_stays_so,  # noqa: F401
    test_revoking_the_last_good_version_leaves_a_channel_empty,  # noqa: F401
    test_the_events_explain_the_state,  # noqa: F401
)

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
PROJECTS = itertools.count(1)

MOVE = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from promote_cloud_shop import CloudShop
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with glance_server.running(tmp_path_factory.mktemp("glance")) as running:
        yield running


@pytest.fixture
def shop(server, tmp_path, monkeypatch):
    """Give a shop in a new project of the cloud; ``glance-admin`` is its administrator."""
    project = f"p{next(PROJECTS)}"
    clouds = tmp_path / "clouds.yaml"
    admins = server.clouds("glance-admin", token=f"root:{project}:admin").removeprefix("clouds:\n")
    clouds.write_text(server.clouds("glance", token=f"ann:{project}:member") + admins)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    return CloudShop(tmp_path)
