"""Which images servers run from, as a Nova says."""

from datetime import UTC, datetime

import nova_server
import pytest

from goldsmith.catalog.entry import Image, Status, Visibility
from goldsmith.catalog.glance_nova import servers_of
from goldsmith.recipe.project import CloudCatalog

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def nova(tmp_path, monkeypatch):
    """Give a cloud whose images are used by so many servers of our project, and of all where one may ask."""
    with nova_server.running() as nova:
        (tmp_path / "clouds.yaml").write_text(
            f"clouds:\n  c:\n    auth_type: admin_token\n    auth: {{endpoint: '{nova.url}', token: t}}\n"
            f"    compute_endpoint_override: {nova.url}\n"
        )
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
        yield nova


def image(name, visibility=Visibility.PRIVATE):
    return Image(name, name, Status.ACTIVE, NOW, NOW, visibility=visibility)


def test_servers_of_all_projects_count(nova):
    nova.all = {"a": 3}
    assert servers_of(CloudCatalog(cloud="c"), [image("a"), image("b")]) == {"a": 3, "b": 0}
    assert nova.asked[0]["image"] == "a"


def test_who_sees_one_project_only_knows_of_private_images_only(nova):
    nova.admin, nova.own = False, {"a": 1}
    found = servers_of(CloudCatalog(cloud="c"), [image("a"), image("b"), image("c", Visibility.COMMUNITY)])
    assert found == {"a": 1, "b": 0, "c": None}


def test_where_no_nova_answers_nobody_knows(nova, tmp_path):
    text = (tmp_path / "clouds.yaml").read_text()
    gone = text.replace(text.rstrip().rpartition(":")[2], "1")
    (tmp_path / "clouds.yaml").write_text(gone)
    assert servers_of(CloudCatalog(cloud="c"), [image("a")]) == {"a": None}
    assert servers_of(CloudCatalog(cloud="nowhere"), [image("a")]) == {"a": None}
