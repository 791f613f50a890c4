"""Downloads by the real curl from a real HTTP server, which can be told to fail."""

import hashlib
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from goldsmith.errors import CatalogError, HostError, RecipeError
from goldsmith.events import Progress, Warned
from goldsmith.host.process import LocalHost
from goldsmith.media.download import Answer, Download, read_answer
from goldsmith.recipe.model import Recipe
from goldsmith.stages.fetch import Fetch
from goldsmith.stages.medium import find_source
from goldsmith.stages.remote import Looking

HOST = LocalHost()


class Server(ThreadingHTTPServer):
    """Serves one content under every path; ``cut`` lists how many bytes of the next answers get through."""

    daemon_threads = True

    def __init__(self, content: bytes):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.etag = '"one"'
        self.ranges = True
        self.cut = []
        self.refuse = []  # statuses of the next answers
        self.refuse_later = []  # of those after a cut
        self.asked = []  # the Range of each request, or None

    def url(self, name="rhel.iso"):
        return f"http://127.0.0.1:{self.server_address[1]}/media/{name}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.refuse:
            self.send_error(server.refuse.pop(0))
            return
        if self.path.startswith("/media/moved"):
            self.send_response(302)
            self.send_header("Location", "/media/rhel.iso")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and server.ranges else 0
        if self.headers.get("If-Range", server.etag) != server.etag:
            start = 0
        if start and start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.content)}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cut:
            body = body[: server.cut.pop(0)]
            self.close_connection = True
            server.refuse, server.refuse_later = server.refuse_later, []
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(iso_bytes, tool_on_path):
    tool_on_path("curl")
    served = Server(iso_bytes(500_000 // 2048 * 2048, content=os.urandom(400_000)))
    thread = threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()


def download(server, folder, *, verified=False, name="rhel.iso"):
    return Download(server.url(name), folder / "partial", verified=verified, pause=0.01)


def test_a_file_comes_whole_and_its_progress_is_told(server, tmp_path):
    told = []
    file = download(server, tmp_path).run(HOST, on_progress=lambda *both: told.append(both))
    assert file.name == "rhel.iso"
    assert file.read_bytes() == server.content
    assert told[-1] == (len(server.content), len(server.content))


def test_redirects_are_followed_and_the_name_is_that_of_the_url(server, tmp_path):
    file = download(server, tmp_path, name="moved%20here.iso").run(HOST)
    assert (file.name, file.read_bytes()) == ("moved here.iso", server.content)


def test_a_connection_that_breaks_is_gone_on_with_by_itself(server, tmp_path):
    server.cut = [100_000, 200_000]
    assert download(server, tmp_path).run(HOST).read_bytes() == server.content
    assert server.asked == [None, "bytes=100000-", "bytes=300000-"]


def broken_off(server, folder, size, *, verified=False):
    """Let a first command get ``size`` bytes and then fail for good."""
    server.cut, server.refuse_later = [size], [404]
    with pytest.raises(CatalogError, match="KiB are kept"):
        download(server, folder, verified=verified).run(HOST)
    server.asked.clear()


def test_the_next_command_goes_on_where_the_last_was_broken_off(server, tmp_path):
    broken_off(server, tmp_path, 123_456)
    assert download(server, tmp_path).run(HOST).read_bytes() == server.content
    assert server.asked == ["bytes=123456-"]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(server, tmp_path):
    broken_off(server, tmp_path, 100_000)
    server.content, server.etag = bytes(reversed(server.content)), '"two"'
    assert download(server, tmp_path, verified=True).run(HOST).read_bytes() == server.content
    assert server.asked == ["bytes=100000-", None]


def test_a_part_of_an_unnamed_version_is_gone_on_with_only_when_a_digest_will_be_compared(server, tmp_path):
    server.etag = ""
    for verified, asked in ((False, None), (True, "bytes=2000-")):
        broken_off(server, tmp_path / str(verified), 2000, verified=True)
        one = download(server, tmp_path / str(verified), verified=verified)
        assert one.run(HOST).read_bytes() == server.content
        assert server.asked == [asked]


def test_a_server_without_ranges_sends_it_again_from_the_start(server, tmp_path):
    server.ranges, server.cut = False, [1000]
    assert download(server, tmp_path).run(HOST).read_bytes() == server.content
    assert server.asked == [None, "bytes=1000-", None]


def test_a_whole_file_that_was_not_taken_yet_is_not_fetched_again(server, tmp_path):
    download(server, tmp_path).run(HOST)
    assert download(server, tmp_path).run(HOST).read_bytes() == server.content
    assert server.asked == [None, f"bytes={len(server.content)}-"]


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path):
    one = download(server, tmp_path, verified=True)
    one.file.parent.mkdir(parents=True)
    one.file.write_bytes(server.content + b"more")
    assert one.run(HOST).read_bytes() == server.content


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.refuse = [503, 429]
    assert download(server, tmp_path).run(HOST).read_bytes() == server.content


def test_a_server_that_stays_busy_is_given_up(server, tmp_path):
    server.refuse = [503] * 9
    with pytest.raises(CatalogError, match=r"cannot download http://127.*: .*503") as error:
        download(server, tmp_path).run(HOST)
    assert len(server.asked) == 5
    assert error.value.exit_code == 6
    assert error.value.fix.endswith("the same command goes on from there")


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (404, "correct the URL: the server has no such file"),
        (403, "the server does not allow it: download the file yourself and give its path"),
        (401, "the server wants a login: download the file yourself and give its path"),
    ],
)
def test_a_refusal_is_told_at_once_with_its_cure(server, tmp_path, status, fix):
    server.refuse = [status]
    with pytest.raises(CatalogError, match=f"cannot download {re.escape(server.url())}: .*{status}") as error:
        download(server, tmp_path).run(HOST)
    assert error.value.fix == fix
    assert len(server.asked) == 1


def test_nobody_listening_is_told(server, tmp_path):
    one = download(server, tmp_path)
    server.shutdown()
    server.server_close()
    with pytest.raises(CatalogError, match=r"Failed to connect|Couldn't connect"):
        one.run(HOST)


def test_a_missing_curl_is_a_fault_of_this_host(tmp_path):
    with pytest.raises(HostError, match="curl is not installed") as error:
        Download("http://h/x.iso", tmp_path / "p").run(HOST)
    assert error.value.fix.startswith("apt install curl")


def test_a_full_disk_is_a_fault_of_this_host(tmp_path, fake_tool):
    fake_tool("curl", "echo 'curl: (23) Failure writing output to destination' >&2; exit 23")
    with pytest.raises(HostError, match=r"cannot write the download of http://h/x\.iso") as error:
        Download("http://h/x.iso", tmp_path / "p").run(HOST)
    assert error.value.fix == "free space, then the same command goes on from there"


@pytest.mark.parametrize("name", ["..", "", ".hidden", "a%2Fb", "%00"])
def test_a_url_cannot_choose_where_its_file_lies(name, tmp_path):
    file = Download(f"http://h/media/{name}?q=/../x", tmp_path / "p").file
    assert file.parent == tmp_path / "p" / "file"
    assert not file.name.startswith(".")


def test_the_last_head_counts(tmp_path):
    heads = tmp_path / "headers"
    heads.write_text(
        'HTTP/1.1 302 Found\r\nETag: "x"\r\n\r\nHTTP/2 206\r\nlast-modified: today\r\netag: W/"weak"\r\n'
        "content-range: bytes 5-9/10\r\n\r\n"
    )
    assert read_answer(heads) == Answer(206, 10, "today")
    assert read_answer(tmp_path / "none") == Answer()


def test_a_url_becomes_a_medium_in_the_library(server, context, work, libosinfo, notes):
    libosinfo("rhel7.9")
    digest = hashlib.sha256(server.content).hexdigest()
    for wanted, warnings in ((digest, 0), (None, 1)):
        recipe = Recipe(name="r", family="demo", os="rhel7.9", media={"iso": server.url(), "sha256": wanted})
        stage = Fetch(find_source(recipe, context.state, media_help=""), "rhel7.9", "x86_64")
        done = work(stage)
        stage.run(done, context)
        noted = json.loads((done.folder / "medium.json").read_text())
        done.folder.rename(done.folder.with_name(f"done-{warnings}"))
        assert noted == {
            "location": str(context.state / "store/media" / digest / "rhel.iso"),
            "sha256": digest,
            "size": len(server.content),
        }
        assert len(notes.of(Warned)) == warnings
    assert f"media.sha256: {digest}" in notes.of(Warned)[0].fix
    assert notes.of(Progress)[-1].unit == "bytes"
    assert not list((context.state / "store/media/partial").glob("*/file"))


def test_a_url_that_gives_another_medium_than_the_plan_knows_is_not_taken_for_it(
    server, context, work, libosinfo
):
    libosinfo("rhel7.9")
    recipe = Recipe(name="r", family="demo", os="rhel7.9", media={"iso": server.url()})
    looking = Looking(HOST, gets=True)
    source = find_source(recipe, context.state, media_help="", looking=looking)
    assert source.known == {"sha256": hashlib.sha256(server.content).hexdigest()}
    (kept,) = (context.state / "store/media").glob("*/rhel.iso")
    kept.unlink()
    server.content = server.content[:-1] + b"?"
    stage = Fetch(source, "rhel7.9", "x86_64")
    with pytest.raises(HostError, match="is another medium than the one that was planned with") as error:
        stage.run(work(stage), context)
    assert error.value.fix.startswith("repeat the command")
    again = find_source(recipe, context.state, media_help="", looking=looking)
    assert again.known == {"sha256": hashlib.sha256(server.content).hexdigest()}


def test_a_download_with_another_digest_is_refused_and_forgotten(server, context, work, libosinfo):
    libosinfo("rhel7.9")
    media = {"iso": server.url(), "sha256": "0" * 64}
    recipe = Recipe(name="r", family="demo", os="rhel7.9", media=media)
    stage = Fetch(find_source(recipe, context.state, media_help=""), "rhel7.9", "x86_64")
    with pytest.raises(RecipeError, match=r"has the sha256 [0-9a-f]{64}, but the recipe says 0{64}"):
        stage.run(work(stage), context)
    assert not list((context.state / "store/media").glob("*/rhel.iso"))
    assert not list((context.state / "store/media/partial").glob("*/file"))
