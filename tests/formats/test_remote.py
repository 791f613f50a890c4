"""Images behind URLs: a real server on 127.0.0.1 that counts what it gives away."""

import json
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from goldsmith.artifact.introspect import headers, inspect
from goldsmith.cli.main import run
from goldsmith.errors import CatalogError
from goldsmith.formats.remote import open_url
from goldsmith.formats.source import open_file
from goldsmith.host.aside import remove_folders
from goldsmith.host.process import LocalHost

from .conftest import COMPRESSED, MADE, MIB


class Server(ThreadingHTTPServer):
    """Serves one content under every path; ``ranges`` and ``status`` say how."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.ranges, self.given, self.asked = b"", True, 0, []
        self.broken: list[int] = []
        self.change = False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/pub/disk%20one.img"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        self.server.asked.append(wanted)
        if self.server.broken:
            self.send_error(self.server.broken.pop(0))
            return
        data, total = self.server.content, len(self.server.content)
        if wanted and self.server.ranges:
            first, last = (int(one) for one in wanted.removeprefix("bytes=").split("-"))
            data = data[first : last + 1]
            if not data:
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{first + len(data) - 1}/{total}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{len(self.server.asked) if self.server.change else 1}"')
        self.end_headers()
        self.server.given += len(data)
        self.wfile.write(data)


@pytest.fixture
def server():
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.05,))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def tools(tool_on_path):
    for name in ("qemu-img", "qemu-io"):
        tool_on_path(name)


@pytest.mark.parametrize("name", [*MADE, *COMPRESSED, "disk.raw"])
def test_a_url_says_what_the_file_says(images, server, fake_tool, name):
    with open_file(images[name]) as file:
        here = headers(file)
    server.content = images[name].read_bytes()
    never = [fake_tool(tool, "exit 1") for tool in ("qemu-img", "qemu-io")]
    there = inspect(open_url(server.url), LocalHost())
    assert there.name == "disk one.img"
    assert (there.format, there.allocated, there.problems) == (here.format, None, ())
    assert (there.header.virtual_size, there.header.details) == (
        here.header.virtual_size,
        here.header.details,
    )
    assert [tool.calls for tool in never] == [[], []]
    if here.header.disk and name != "zstd.qcow2":
        assert there.table.kind == "gpt"
    else:
        assert "its partition table could not be read" in there.notes[-1]


def test_only_the_parts_that_matter_are_fetched(images, server):
    server.content = images["disk.raw"].read_bytes().ljust(200 * MIB, b"\0")
    found = inspect(open_url(server.url), LocalHost())
    assert found.format == "raw"
    assert server.given < 6 * MIB


def test_a_server_that_fails_now_and_then_is_asked_again(images, server):
    server.content, server.broken = images["v3.qcow2"].read_bytes(), [503, 500]
    assert headers(open_url(server.url)).format == "qcow2"


@pytest.mark.parametrize(
    ("status", "fix"), [(404, "correct the URL"), (401, "needs no login"), (403, "may read")]
)
def test_a_server_that_refuses_is_quoted(server, status, fix):
    server.broken = [status]
    with pytest.raises(CatalogError, match=f"the server says {status} .*\n  fix: .*{fix}"):
        open_url(server.url)


def test_a_file_that_changes_meanwhile_is_noticed(images, server):
    server.content, server.change = images["disk.raw"].read_bytes(), True
    with pytest.raises(CatalogError, match="changed while it was read"):
        headers(open_url(server.url))


def test_a_dead_server_is_a_matter_of_the_network(server):
    url = server.url.replace(str(server.server_port), "1")
    with pytest.raises(CatalogError, match=r"cannot be read: .*refused"):
        open_url(url)


def test_without_ranges_the_file_is_downloaded_and_removed(images, server, tmp_path, tool_on_path, capsys):
    tool_on_path("curl")
    server.content, server.ranges = images["zstd.qcow2"].read_bytes(), False
    assert run(["inspect", server.url, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["format"], said["compression"], said["partition_table"]) == ("qcow2", "zstd", "gpt")
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x/y", "http:///x"])
def test_other_urls_are_refused(url, capsys):
    assert run(["inspect", url]) == 2
    assert "is no URL that can be read" in capsys.readouterr().err


def test_an_empty_answer_is_an_empty_file(server):
    assert headers(open_url(server.url)).problems == ("the file is empty",)


def test_a_download_that_a_kill_ends_is_swept(server, tmp_path, fake_tool):
    server.ranges = False
    fake_tool("curl", "kill -9 $PPID")
    done = subprocess.run([sys.executable, "-m", "goldsmith", "inspect", server.url], check=False)
    assert done.returncode == -signal.SIGKILL
    (folder,) = remove_folders([tmp_path / "state"])
    assert folder.name.startswith(".goldsmith-inspect.")
