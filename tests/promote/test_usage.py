"""Which images servers run from, as a Nova says that is none: a small server with its answers."""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from goldsmith.catalog.entry import Image, Status, Visibility
from goldsmith.catalog.glance_nova import servers_of
from goldsmith.recipe.project import CloudCatalog

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def nova(tmp_path, monkeypatch):
    """Answer /servers: images are used by so many servers of our project, and of all projects where one may ask."""
    state = {"own": {}, "all": {}, "admin": True, "asked": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            if parts.path == "/":  # which versions of the API there are
                link = {"rel": "self", "href": f"http://{self.headers['Host']}/"}
                one = {
                    "id": "v2.1",
                    "status": "CURRENT",
                    "version": "2.95",
                    "min_version": "2.1",
                    "links": [link],
                }
                self.answer({"version": one})
                return
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            state["asked"].append(asked)
            everywhere = "all_tenants" in asked
            if parts.path != "/servers" or (everywhere and not state["admin"]):
                self.send_error(403 if everywhere else 404)
                return
            count = state["all" if everywhere else "own"].get(asked["image"], 0)
            self.answer({"servers": [{"id": str(number)} for number in range(count)]})

        def answer(self, document):
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    (tmp_path / "clouds.yaml").write_text(
        f"clouds:\n  c:\n    auth_type: admin_token\n    auth: {{endpoint: '{url}', token: t}}\n"
        f"    compute_endpoint_override: {url}\n"
    )
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def image(name, visibility=Visibility.PRIVATE):
    return Image(name, name, Status.ACTIVE, NOW, NOW, visibility=visibility)


def test_servers_of_all_projects_count(nova):
    nova["all"] = {"a": 3}
    assert servers_of(CloudCatalog(cloud="c"), [image("a"), image("b")]) == {"a": 3, "b": 0}
    assert nova["asked"][0]["image"] == "a"


def test_who_sees_one_project_only_knows_of_private_images_only(nova):
    nova |= {"admin": False, "own": {"a": 1}}
    found = servers_of(CloudCatalog(cloud="c"), [image("a"), image("b"), image("c", Visibility.COMMUNITY)])
    assert found == {"a": 1, "b": 0, "c": None}


def test_where_no_nova_answers_nobody_knows(nova, tmp_path):
    text = (tmp_path / "clouds.yaml").read_text()
    gone = text.replace(text.rstrip().rpartition(":")[2], "1")
    (tmp_path / "clouds.yaml").write_text(gone)
    assert servers_of(CloudCatalog(cloud="c"), [image("a")]) == {"a": None}
    assert servers_of(CloudCatalog(cloud="nowhere"), [image("a")]) == {"a": None}
