"""What a cloud refuses is told with its reason and with what to do, for every command alike."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from goldsmith.cli.main import run

CLOUDS = """\
clouds:
  lab:
    auth_type: admin_token
    auth: {{endpoint: "{url}", token: t}}
    image_endpoint_override: {url}
"""
REASON = "the reason it gives"
VERSION = {"id": "v2.17", "status": "CURRENT", "links": [{"rel": "self", "href": "/v2/"}]}


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """Give a function by which a server answers everything with one status."""
    said = {}

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            versions = self.path == "/"  # what it can do, which it tells everybody
            body = json.dumps({"versions": [VERSION]} if versions else {"message": REASON}).encode()
            self.send_response(300 if versions else said["status"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-openstack-request-id", "req-1234")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  the names that the library calls

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "clouds.yaml").write_text(CLOUDS.format(url=f"http://127.0.0.1:{server.server_port}"))
    (tmp_path / "goldsmith.yaml").write_text("catalogs: {lab: {cloud: lab, timeouts: {answer: 1 s}}}\n")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.chdir(tmp_path)
    yield lambda status: said.update(status=status)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (400, "see what Glance says of it"),
        (401, "the token is refused or has expired: see to the credentials of lab in clouds.yaml"),
        (403, "the role of this user does not allow it: ask for another role"),
        (404, "goldsmith image list --all --catalog lab"),
        (405, "this cloud does not offer it: ask its operators"),
        (409, "somebody else changes this image, or it is not in the state for this"),
        (410, "somebody deleted the image meanwhile: push it again"),
        (413, "it is larger than this cloud takes, or the quota is used up"),
        (415, "look at them with goldsmith inspect"),
        (429, "try again later"),
        (500, "the cloud is not well: try again later"),
        (503, "the cloud is not well: try again later"),
    ],
)
@pytest.mark.parametrize("words", [("image", "list"), ("push", "disk.raw")], ids="-".join)
def test_a_refusal_names_catalog_status_reason_and_way_out(cloud, tmp_path, capsys, status, fix, words):
    (tmp_path / "disk.raw").write_bytes(bytes(1 << 20))
    cloud(status)
    assert run([*words, "--catalog", "lab"]) == 6
    shown = capsys.readouterr()
    problem, _, told = shown.err.partition("\n  fix: ")
    assert problem.splitlines()[0].startswith("lab refused to ")
    assert f"({status}): {REASON}" in problem
    assert fix in told
    assert ("for its operators: req-1234" in shown.err) == (status >= 500)
    assert shown.out == ""
