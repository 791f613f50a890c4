"""A medium by URL whose sha256 nobody says: looked at again when it is due, and named in keys by what was found."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from goldsmith.host.sealed import sealed_text, unsealed

DAY = 86_400


class Server(ThreadingHTTPServer):
    """Serves ``files`` by path, each with its content's own ETag; ``asked`` are the methods and paths."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.asked = []
        self.tags = True

    def url(self, name):
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(f"{self.command} {self.path}")
        content = self.server.files.get(self.path[1:])
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        if self.server.tags:
            self.send_header("ETag", f'"{hash(content)}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *args):
        pass


def disk(letter):
    return letter.encode() * 510 + b"\x55\xaa" + letter.encode() * 99_840


@pytest.fixture
def server(tool_on_path):
    tool_on_path("curl")
    served = Server()
    served.files["latest.img"] = disk("a")
    threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
    yield served
    served.stop()


@pytest.fixture
def by_url(factory, server):
    """Write a recipe that starts from the server's image, with what more ``media`` is to say."""

    def write(more="", medium="image"):
        factory.recipe("r")
        path = factory.project / "recipes" / "r.yaml"
        name = "latest.img" if medium == "image" else "os"
        media = f"{{{medium}: {server.url(name)}{more}}}"
        path.write_text(path.read_text().replace(f"{{tree: {factory.project}/tree}}", media))

    write()
    return write


def aged(state: Path, days: float) -> None:
    """Let what is known of the URLs be older."""
    memo = state / "urls.json"
    facts = unsealed(memo.read_text())
    for one in facts["urls"].values():
        one["checked"] -= days * DAY
    memo.write_text(sealed_text(facts))


def planned(factory, *words):
    return {one["name"]: one for one in json.loads(factory("plan", "r", "--json", *words).out)["stages"]}


def test_a_build_knows_the_digest_before_it_plans_and_the_next_asks_nobody(factory, server, by_url):
    done = factory("build", "r", "--json")
    assert done.code == 0, done.err
    server.asked.clear()
    plan = planned(factory)
    assert all(one["cached"] for one in plan.values())
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert plan["fetch"]["as_of"] == f"medium as of {today}"
    assert plan["fetch"]["good_until"] > today
    assert factory("build", "r", "--json").stages("StageStarted") == []
    server.stop()
    assert factory("build", "r", "--json").stages("StageStarted") == []
    assert server.asked == []


@pytest.mark.parametrize(
    ("more", "days", "words", "asked"),
    [
        ("", 6, (), []),
        ("", 7, (), ["HEAD /latest.img"]),
        (", refresh: daily", 1, (), ["HEAD /latest.img"]),
        (", refresh: always", 0, (), ["HEAD /latest.img"]),
        ("", 0, ("--refresh",), ["HEAD /latest.img"]),
        (", refresh: never", 900, ("--refresh",), []),
        ("", 0, ("--no-cache",), ["GET /latest.img"]),
        ("", 0, ("--from", "fetch"), ["GET /latest.img"]),
    ],
)
def test_an_unchanged_file_costs_a_question_when_it_is_due_and_changes_no_key(
    factory, server, by_url, more, days, words, asked
):
    by_url(more)
    assert factory("build", "r").code == 0
    before = {name: one["key"] for name, one in planned(factory).items()}
    aged(factory.state, days)
    server.asked.clear()
    done = factory("build", "r", "--json", *words)
    assert done.code == 0, done.err
    assert server.asked == asked
    assert done.stages("StageStarted")[:1] == (["fetch"] if "GET" in "".join(asked) else [])
    assert {name: one["key"] for name, one in planned(factory).items()} == before


def test_another_file_is_got_when_it_is_due_and_the_reason_names_both(factory, server, by_url):
    assert factory("build", "r").code == 0
    server.files["latest.img"] = disk("b")
    assert all(one["cached"] for one in planned(factory).values()), "not due"
    reason = planned(factory, "--refresh")["fetch"]["reason"]
    assert (
        reason == f"{server.url('latest.img')} has changed since {time.strftime('%Y-%m-%d', time.gmtime())}"
    )
    aged(factory.state, 8)
    done = factory("build", "r", "--json")
    assert done.code == 0, done.err
    started = {one["stage"]: one["reason"] for one in done.events if one["event"] == "StageStarted"}
    assert started["fetch"].startswith("sha256 changed: ")
    assert started["base"].startswith("image.sha256 changed: ")
    assert all(one["cached"] for one in planned(factory).values())
    server.files["latest.img"] = disk("a")
    assert factory("build", "r", "--refresh", "--json").stages("StageStarted") == [], "it was built before"


def test_a_server_that_tells_no_version_sends_it_again_and_no_key_changes(factory, server, by_url):
    server.tags = False
    assert factory("build", "r").code == 0
    server.asked.clear()
    assert factory("build", "r", "--refresh", "--json").stages("StageStarted") == []
    assert server.asked == ["HEAD /latest.img", "GET /latest.img"]


def test_a_server_that_cannot_be_reached_when_it_is_due_ends_the_build_with_the_reason(
    factory, server, by_url
):
    assert factory("build", "r").code == 0
    server.files.clear()
    aged(factory.state, 9)
    before = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 9 * DAY))
    done = factory("build", "r", "--json")
    assert done.code == 6
    assert "The requested URL returned error: 404" in done.err
    assert f"media.refresh: never goes on with the one of {before}" in done.err
    assert planned(factory)["fetch"]["reason"] == f"{server.url('latest.img')} has changed since {before}"
    server.stop()
    assert planned(factory)["fetch"]["reason"] == (
        f"medium as of {before}, and {server.url('latest.img')} does not answer"
    )
    by_url(", refresh: never")
    assert factory("build", "r", "--json").stages("StageStarted") == ["seal", "register"]


def test_a_medium_that_was_refused_is_looked_at_again_however_young_it_is(factory, server, by_url):
    by_url(medium="iso")
    server.files["os"] = b"<html>please log in</html>" * 100
    assert "is no ISO image" in factory("build", "r").err
    server.files["os"] = disk("c")
    server.asked.clear()
    factory("build", "r")
    assert server.asked == ["HEAD /os", "GET /os"]


def test_what_is_known_is_lost_with_its_memo_and_costs_a_download_no_more(factory, server, by_url):
    assert factory("build", "r").code == 0
    (factory.state / "urls.json").write_bytes(b"\0garbage")
    server.asked.clear()
    assert factory("build", "r", "--json").stages("StageStarted") == []
    assert server.asked == ["GET /latest.img"]


def test_a_medium_that_left_the_library_is_got_again(factory, server, by_url):
    assert factory("build", "r").code == 0
    (medium,) = (factory.state / "store" / "media").glob("*/latest.img")
    medium.unlink()
    path = factory.project / "recipes" / "r.yaml"
    path.write_text(path.read_text().replace("size: 4 MiB", "size: 5 MiB"))
    server.asked.clear()
    done = factory("build", "r", "--json")
    assert done.code == 0, done.err
    assert server.asked == ["GET /latest.img"]
    assert f"the medium {medium} is gone and is got again" in warnings(done)
    assert medium.read_bytes() == disk("a")
    medium.unlink()
    path.write_text(path.read_text().replace("size: 5 MiB", "size: 6 MiB"))
    server.files["latest.img"] = disk("b")
    assert (
        "fix: repeat the command: it is planned with the one that is there now" in factory("build", "r").err
    )
    assert factory("build", "r").code == 0


def warnings(done):
    return [one["text"] for one in done.events if one["event"] == "Warned"]


def test_a_damaged_medium_of_the_library_is_got_again_and_never_used(factory, server, by_url):
    assert factory("build", "r").code == 0
    (medium,) = (factory.state / "store" / "media").glob("*/latest.img")
    medium.write_bytes(disk("x"))
    server.asked.clear()
    assert factory("build", "r", "--json").stages("StageStarted") == []  # nobody reads it
    assert server.asked == []
    path = factory.project / "recipes" / "r.yaml"
    path.write_text(path.read_text().replace("size: 4 MiB", "size: 5 MiB"))
    done = factory("build", "r", "--json")
    assert done.code == 0, done.err
    assert server.asked == ["GET /latest.img"]
    assert f"the medium {medium} was damaged and is got again" in warnings(done)
    assert medium.read_bytes() == disk("a")
    assert done.stages("StageStarted")[:2] == ["fetch", "base"]


TREEINFO = b"[general]\nfamily = x\n[checksums]\nimages/pxeboot/vmlinuz = sha256:%s\n"


def test_a_tree_on_a_server_is_named_by_the_files_that_name_the_others(factory, server, by_url):
    by_url(medium="tree")
    server.files |= {"os/.treeinfo": TREEINFO % b"1", "os/repodata/repomd.xml": b"one"}
    assert factory("build", "r").code == 0
    server.asked.clear()
    assert factory("build", "r", "--json").stages("StageStarted") == []
    assert server.asked == []
    assert factory("build", "r", "--refresh", "--json").stages("StageStarted") == []
    server.files["os/repodata/repomd.xml"] = b"two"
    assert planned(factory)["fetch"]["cached"]
    aged(factory.state, 8)
    told = planned(factory)
    assert told["fetch"]["reason"].startswith("repodata.repodata/repomd.xml changed: ")
    assert told["install"]["reason"] == "follows fetch"
    server.files["os/.treeinfo"] = TREEINFO % b"2"
    assert "treeinfo changed" in planned(factory, "--refresh")["fetch"]["reason"]


def test_the_files_that_an_installer_starts_from_name_a_tree_on_this_host(factory):
    tree = factory.project / "tree"
    kernel = tree / "images" / "pxeboot" / "vmlinuz"
    kernel.write_bytes(b"one")
    assert factory("build", "r").code == 0
    assert all(one["cached"] for one in planned(factory).values())
    kernel.write_bytes(b"two!")
    assert planned(factory)["fetch"]["reason"].startswith("files.images/pxeboot/vmlinuz changed: ")
    assert factory("build", "r").code == 0
    (tree / "repodata").mkdir()
    (tree / "repodata" / "repomd.xml").write_text("<repomd/>")
    assert "files.repodata/repomd.xml changed: null -> " in planned(factory)["fetch"]["reason"]
