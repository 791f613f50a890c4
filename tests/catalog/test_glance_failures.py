"""What goes wrong with uploads, and what Goldsmith makes of it: a verified active image, or nothing that is left.

Each test is a row of the table in docs/catalog.md, which the run prints in its end.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import replace
from uuid import uuid4

import glance_server
import pytest
from bad_proxy import BadProxy, Fault

from goldsmith.catalog.entry import Changes, NewImage, Query, Status
from goldsmith.catalog.facts import ImportMethod, Source
from goldsmith.errors import CatalogError, GateError, UsageError
from goldsmith.host.files import digest

pytestmark = pytest.mark.real

NEW = NewImage("disk", disk_format="raw")
SIZE = 24 << 20
FAR_OVER = 160 << 20  # more than a cap of 10 MiB and all that the buffers of both sockets can hold
QUICK = {"stall": "3 s", "answer": "20 s", "task": "60 s"}


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def server(glance):
    return glance()


@pytest.fixture
def project():
    return uuid4().hex


@pytest.fixture
def limited(tmp_path):
    """Give a Glance with limits."""
    with ExitStack() as stack:
        yield lambda **limits: stack.enter_context(glance_server.running(tmp_path / "limited", **limits))


def images(catalog):
    return catalog.list(Query(hidden=True))


def raw_images(server, project):
    """Ask the server itself, past all of Goldsmith."""
    asked = urllib.request.Request(
        f"{server.url}/v2/images", headers={"X-Auth-Token": f"me:{project}:member"}
    )
    with urllib.request.urlopen(asked) as answer:
        return json.load(answer)["images"]


def nothing_left(server, project, catalog):
    assert raw_images(server, project) == []
    assert list(catalog.folder.glob("*")) == []


def after(count, work):
    """Return a listener that does something once, when so many bytes were sent."""
    seen = 0
    done = False

    def heard(block):
        nonlocal seen, done
        seen += block
        if seen >= count and not done:
            done = True
            work()

    return heard


def good(image, disk):
    assert image.status is Status.ACTIVE
    assert image.differences(digest(disk)) == ()
    assert image.sha256 == digest(disk).sha256


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.STALL, Fault.UNAVAILABLE], ids=lambda one: one.name)
def test_a_proxy_that_breaks_an_upload_leaves_one_good_image_with_a_new_id(
    cloud, server, project, disk, row, fault
):
    with BadProxy(server.url, fault) as proxy:
        catalog = cloud(server, url=proxy.url, token=f"me:{project}:member", timeouts=QUICK)
        image = catalog.register(disk, NEW)
    good(image, disk)
    puts = [head.split()[1] for head in proxy.heads if head.startswith(b"PUT") and b"/file " in head]
    assert len(puts) == len(set(puts)) == 2  # never the same image again
    assert [one["id"] for one in raw_images(server, project)] == [image.id]
    assert server.stored().count(image.id) == 1
    assert f"/v2/images/{image.id}/file".encode() == puts[1]
    assert not [name for name in server.stored() if name.encode() in puts[0]]
    row(f"a proxy: {fault}")


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE_AFTER, Fault.LOST], ids=lambda one: one.name)
def test_an_upload_whose_answer_was_lost_is_not_sent_again(cloud, server, project, disk, row, fault):
    with BadProxy(server.url, fault) as proxy:
        catalog = cloud(server, url=proxy.url, token=f"me:{project}:member", timeouts=QUICK)
        image = catalog.register(disk, NEW)
    good(image, disk)
    assert sum(head.startswith(b"PUT") for head in proxy.heads) == 1
    assert [one["id"] for one in raw_images(server, project)] == [image.id]
    row(f"a proxy: {fault}")


def test_a_proxy_that_always_breaks_ends_with_nothing_left(cloud, server, project, disk, row):
    with BadProxy(server.url, Fault.UNAVAILABLE, times=99) as proxy:
        catalog = cloud(server, url=proxy.url, token=f"me:{project}:member", timeouts=QUICK, attempts=2)
        with pytest.raises(
            CatalogError, match=r"\(503\): 503 Service Unavailable No server is available(.|\n)*fix: "
        ):
            catalog.register(disk, NEW)
        puts = [head for head in proxy.heads if head.startswith(b"PUT")]
        assert len(puts) == 2
        nothing_left(server, project, catalog)
    row("a proxy: it always answers 503")


def test_an_upload_says_its_length_and_is_never_chunked(cloud, server, disk, row):
    with BadProxy(server.url) as proxy:
        cloud(server, url=proxy.url).register(disk, NEW)
    head = next(head for head in proxy.heads if head.startswith(b"PUT")).lower()
    assert f"content-length: {SIZE}".encode() in head
    assert f"x-openstack-image-size: {SIZE}".encode() in head
    assert b"transfer-encoding" not in head
    row("over the quota, length not known")


def test_a_worker_that_dies_in_the_middle_leaves_one_good_image(cloud, server, project, disk, row):
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)
    image = catalog.register(disk, NEW, on_bytes=after(8 << 20, server.kill_worker))
    good(image, disk)
    assert [one["id"] for one in raw_images(server, project)] == [image.id]
    assert list(catalog.folder.glob("*")) == []
    row("Glance's worker killed")


def test_an_image_deleted_in_the_middle_is_not_sent_again(cloud, server, project, disk, row):
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)

    def delete():
        (one,) = raw_images(server, project)
        path, headers = f"{server.url}/v2/images/{one['id']}", {"X-Auth-Token": f"you:{project}:member"}
        urllib.request.urlopen(urllib.request.Request(path, headers=headers, method="DELETE")).close()

    with pytest.raises(CatalogError, match=r"(\(410\)|was deleted)(.|\n)*fix: somebody deleted|was deleted"):
        catalog.register(disk, NEW, on_bytes=after(8 << 20, delete))
    nothing_left(server, project, catalog)
    row("the image is deleted meanwhile")


def test_bytes_that_are_not_what_they_are_declared_leave_nothing(cloud, server, project, disk, row):
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)
    before = server.stored()
    with pytest.raises(
        CatalogError, match=r"\(415\)(.|\n)*fix: Glance takes the bytes for something else"
    ) as told:
        catalog.register(disk, NewImage("disk", disk_format="qcow2"))
    assert "qcow2" in told.value.problem
    nothing_left(server, project, catalog)
    assert server.stored() == before
    row("bad format, unsafe")


def test_a_signature_that_cannot_be_verified_leaves_nothing(cloud, server, project, disk, row):
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)
    with pytest.raises(CatalogError, match=r"\(400\)(.|\n)*fix: "):
        catalog.register(disk, NewImage("disk", disk_format="raw", properties=SIGNED))
    nothing_left(server, project, catalog)
    row("wrong signature")


SIGNED = {
    "img_signature": "c2lnbmF0dXJl",
    "img_signature_hash_method": "SHA-256",
    "img_signature_key_type": "RSA-PSS",
    "img_signature_certificate_uuid": str(uuid4()),
}


@pytest.mark.parametrize("change", ["grows", "shrinks", "is written to"])
def test_a_file_that_changes_meanwhile_leaves_nothing(cloud, server, project, disk, tmp_path, row, change):
    file = tmp_path / "changing.raw"
    file.write_bytes(disk.read_bytes())
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)

    def spoil():
        with file.open("r+b") as stream:
            if change == "shrinks":
                stream.truncate(12 << 20)
            else:
                stream.seek(0, os.SEEK_END if change == "grows" else os.SEEK_SET)
                stream.write(b"more")

    with pytest.raises(CatalogError, match=r"changing\.raw changed while it was registered"):
        catalog.register(file, NEW, on_bytes=after(8 << 20, spoil))
    nothing_left(server, project, catalog)
    row(f"the file {change} meanwhile")


def test_a_file_that_is_not_the_measured_one_leaves_nothing(cloud, server, project, disk, tmp_path):
    other = tmp_path / "other.raw"
    other.write_bytes(os.urandom(SIZE))
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)
    with pytest.raises(CatalogError, match="is not the file that was measured"):
        catalog.register(other, NEW, digest(disk))
    nothing_left(server, project, catalog)


def test_what_is_over_the_quota_or_the_cap_leaves_nothing(cloud, limited, project, disk, row):
    server = limited(project_quota=10 << 20)
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)
    with pytest.raises(
        CatalogError, match=r"\(413\)(.|\n)*fix: it is larger than this cloud takes, or the quota"
    ):
        catalog.register(disk, NEW)
    nothing_left(server, project, catalog)
    assert server.stored() == []
    row("over user_storage_quota")


def test_what_is_over_image_size_cap_leaves_nothing(cloud, limited, project, tmp_path, row):
    server = limited(image_size_cap=10 << 20)
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)
    large = tmp_path / "large.raw"
    large.touch()
    os.truncate(large, FAR_OVER)
    sent: list[int] = []
    with pytest.raises(CatalogError, match=r"\(413\)(.|\n)*fix: it is larger than this cloud takes"):
        catalog.register(large, NEW, on_bytes=sent.append)
    assert sum(sent) < FAR_OVER
    nothing_left(server, project, catalog)
    assert server.stored() == []
    row("over image_size_cap")


def test_a_quota_that_the_cloud_tells_is_asked_before_anything_is_sent(cloud, server, project, disk):
    usage = (
        b'{"usage": {"image_size_total": {"limit": 100, "usage": 90}, "image_count_total": {"limit": -1}}}'
    )
    with BadProxy(server.url, answers={b"GET /v2/info/usage": usage}) as proxy:
        catalog = cloud(server, url=proxy.url, token=f"me:{project}:member")
        with pytest.raises(
            CatalogError, match="has no room for it: the quota is 104857600 bytes, 94371840 are used"
        ):
            catalog.register(disk, NEW)
        assert not [head for head in proxy.heads if head.startswith((b"PUT", b"POST"))]
        nothing_left(server, project, catalog)


class Process:
    """Goldsmith's command line as a process of its own."""

    def __init__(self, tmp_path, *words, clouds=None):
        env = {**os.environ, "GOLDSMITH_STATE": str(tmp_path / "state")}
        self.run = subprocess.Popen(
            [sys.executable, "-m", "goldsmith", *map(str, words)],
            env=env,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self):
        out, err = self.run.communicate(timeout=120)
        return self.run.returncode, out, err


@pytest.fixture
def project_file(tmp_path, cloud, server, project):
    """Write a project with two catalogs in one Glance: `direct`, and `proxied` through an address."""

    def write(url):
        for name, address in (("direct", server.url), ("proxied", url)):
            cloud(server, url=address, name=name, token=f"me:{project}:member")
        (tmp_path / "goldsmith.yaml").write_text(
            "catalogs:\n"
            "  direct: {cloud: direct}\n"
            "  proxied: {cloud: proxied, attempts: 1, timeouts: {stall: 90 s}}\n"
        )

    return write


def imported(tmp_path, disk, *more):
    words = ("image", "import", disk, "--format", "raw", "--catalog", "proxied", "--json")
    return Process(tmp_path, *words, *more)


def test_what_a_killed_client_left_is_deleted_by_the_next_command(
    tmp_path, project_file, server, project, disk, row
):
    with BadProxy(server.url, Fault.STALL) as proxy:
        project_file(proxy.url)
        process = imported(tmp_path, disk)
        assert proxy.reached.wait(60)
        process.run.kill()
        process.end()
        assert [one["status"] for one in raw_images(server, project)] == ["saving"]
        assert Process(tmp_path, "image", "list", "--catalog", "proxied").end()[0] == 0
        assert raw_images(server, project) == []
        assert list((tmp_path / "state/clouds/proxied").glob("*")) == []
    row("the client is killed (kill -9)")


def test_ctrl_c_leaves_nothing(tmp_path, project_file, server, project, disk, row):
    with BadProxy(server.url, Fault.STALL) as proxy:
        project_file(proxy.url)
        process = imported(tmp_path, disk)
        assert proxy.reached.wait(60)
        process.run.send_signal(signal.SIGINT)
        code, _, err = process.end()
        assert (code, raw_images(server, project)) == (130, []), err
        assert list((tmp_path / "state/clouds/proxied").glob("*")) == []
    row("Ctrl-C")


def test_a_client_that_sleeps_goes_on(tmp_path, project_file, server, project, disk, row):
    with BadProxy(server.url) as proxy:
        project_file(proxy.url)
        process = imported(tmp_path, disk)
        while not any(head.startswith(b"PUT") for head in proxy.heads):
            time.sleep(0.002)
        process.run.send_signal(signal.SIGSTOP)
        time.sleep(4)
        process.run.send_signal(signal.SIGCONT)
        code, _, err = process.end()
    assert code == 0, err
    (one,) = raw_images(server, project)
    assert (one["status"], one["size"]) == ("active", SIZE)
    row("the client stands still (SIGSTOP)")


def test_a_token_that_ends_in_the_middle_is_told_and_the_image_found_again(cloud, server, project, disk, row):
    ends = time.time() + 2
    catalog = cloud(server, token=f"me:{project}:member:{ends:.0f}", name="short", timeouts=QUICK)
    slow = after(8 << 20, lambda: time.sleep(max(0.0, ends + 1.5 - time.time())))
    with pytest.raises(
        CatalogError, match=r"\(401\)(.|\n)*fix: the token is refused or has expired: .*token issue"
    ) as told:
        catalog.register(disk, NEW, on_bytes=slow)
    assert "the next command deletes it" in str(told.value.text())
    again = cloud(server, token=f"me:{project}:member", name="long")
    later = type(again)("short", again.said, catalog.folder)
    image = later.register(disk, NEW)
    good(image, disk)
    assert [one["id"] for one in raw_images(server, project)] == [image.id]
    assert list(catalog.folder.glob("*")) == []
    row("the token ends in the middle")


def test_an_import_that_fails_leaves_nothing_and_tells_its_cause(cloud, server, project, row):
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)
    url = "http://127.0.0.1:9/disk.raw"
    with pytest.raises(CatalogError) as told:
        catalog.import_image(NEW, Source(url, ImportMethod.WEB_DOWNLOAD))
    assert "127.0.0.1" in told.value.text()
    nothing_left(server, project, catalog)
    row("import: the URL cannot be fetched")


def test_an_import_of_a_signed_image_is_refused_before_anything_is_sent(cloud, server, project, disk, row):
    catalog = cloud(server, token=f"me:{project}:member", timeouts=QUICK)
    signed = NewImage("disk", disk_format="raw", properties=SIGNED)
    with pytest.raises(UsageError, match=r"'disk' is signed, but a server that imports may convert it"):
        catalog.import_image(signed, Source(disk, ImportMethod.GLANCE_DIRECT))
    nothing_left(server, project, catalog)
    row("import: wrong signature")


def test_a_worker_that_dies_during_an_import_ends_in_time(cloud, server, project, tmp_path, row):
    big = tmp_path / "big.raw"
    with big.open("wb") as file:
        file.truncate(192 << 20)  # so that the import takes seconds
    with BadProxy(server.url) as proxy:
        catalog = cloud(
            server, url=proxy.url, token=f"me:{project}:member", timeouts={**QUICK, "task": "8 s"}
        )

        def kill():
            while not any(b"/tasks " in head.partition(b"\r")[0] for head in proxy.heads):
                time.sleep(0.005)
            server.kill_worker()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(
            CatalogError, match=r"no end of the import in cloud after 8 s(.|\n)*fix: ask the cloud's op"
        ):
            catalog.import_image(NEW, Source(big, ImportMethod.GLANCE_DIRECT))
        killer.join()
    nothing_left(server, project, catalog)
    row("import: the worker killed")


def test_a_client_killed_while_it_stages_is_swept_too(tmp_path, project_file, server, project, disk, row):
    with BadProxy(server.url, Fault.STALL, on=rb"PUT \S+/stage ") as proxy:
        project_file(proxy.url)
        process = imported(tmp_path, disk, "--method", "glance-direct")
        assert proxy.reached.wait(60)
        process.run.kill()
        process.end()
        assert len(raw_images(server, project)) == 1
        assert Process(tmp_path, "image", "stores", "--catalog", "proxied").end()[0] == 0
        assert raw_images(server, project) == []
    row("import: the client is killed while it stages")


def test_a_name_that_two_images_have_is_refused_with_their_ids(cloud, server, disk, row):
    catalog = cloud(server)
    two = [catalog.create(NewImage("twice", disk_format="raw")).id for _ in range(2)]
    with pytest.raises(UsageError, match="twice") as told:
        catalog.find("twice")
    assert all(one in told.value.text() for one in two)
    row("two images of one name")


def test_a_protected_image_is_not_deleted(cloud, server, project, disk, row):
    catalog = cloud(server, token=f"me:{project}:member")
    image = catalog.register(disk, replace(NEW, protected=True))
    with pytest.raises(GateError, match=r"is protected\n  fix: goldsmith image set .* --unprotected"):
        catalog.delete(image.id)
    assert [one["id"] for one in raw_images(server, project)] == [image.id]
    row("a protected image is to be deleted")


def test_the_same_file_is_not_sent_twice(cloud, server, project, disk, row):
    with BadProxy(server.url) as proxy:
        catalog = cloud(server, url=proxy.url, token=f"me:{project}:member")
        first = catalog.register(disk, NEW)
        assert catalog.register(disk, NEW) == first
        assert catalog.register(disk, NEW, digest(disk)) == first
        assert sum(head.startswith(b"PUT") for head in proxy.heads) == 1
    row("the same file again")


@pytest.mark.parametrize(
    "command",
    [
        lambda catalog, _: catalog.find("other"),
        lambda catalog, _: catalog.update(catalog.find("other").id, Changes(min_ram=64)),
        lambda catalog, _: catalog.stores(),
        lambda catalog, disk: catalog.import_image(NEW, Source(disk, ImportMethod.GLANCE_DIRECT)),
    ],
    ids=["show", "set", "stores", "import"],
)
def test_every_command_deletes_what_a_dead_process_left(cloud, server, project, disk, command):
    catalog = cloud(server, token=f"me:{project}:member")
    catalog.create(NewImage("other", disk_format="raw"))
    left = catalog.create(NEW).id
    (catalog.folder / f"{left}.note").write_text('{"sha512": null}')
    command(catalog, disk)
    assert left not in [one["id"] for one in raw_images(server, project)]
    assert list(catalog.folder.glob("*")) == []


def test_a_download_that_breaks_goes_on_where_it_was(cloud, server, project, disk, tmp_path, row):
    with BadProxy(server.url, Fault.BROKEN, times=3, on=rb"GET \S+/file ") as proxy:
        catalog = cloud(server, url=proxy.url, token=f"me:{project}:member")
        image = catalog.register(disk, NEW)
        heard: list[int] = []
        catalog.download(image.id, tmp_path / "copy.raw", on_bytes=heard.append)
        assert (tmp_path / "copy.raw").read_bytes() == disk.read_bytes()
        assert sum(heard) == SIZE
        assert catalog.verify(image.id).good
    heads = [head.lower() for head in proxy.heads if b"/file " in head and head.startswith(b"GET")]
    starts = [int(found[1]) for head in heads[:4] if (found := re.search(rb"range: bytes=(\d+)-", head))]
    assert len(starts) == 3
    assert starts == sorted(starts)
    assert starts[0] > 0
    row("a download breaks in the middle")


def test_lists_that_are_longer_than_one_answer_are_whole(cloud, server, project):
    with BadProxy(server.url) as proxy:
        catalog = cloud(server, url=proxy.url, token=f"me:{project}:member")
        made = [catalog.create(NewImage(f"disk {number}", disk_format="raw")).id for number in range(43)]
        asked = len(proxy.heads)
        found = catalog.list()
        assert sorted(one.id for one in found) == sorted(made)
        assert [one.created_at for one in found] == sorted((one.created_at for one in found), reverse=True)
        pages = [head for head in proxy.heads[asked:] if head.startswith(b"GET /v2/images?")]
        assert [b"marker=" in one for one in pages] == [False, True, True]
        assert catalog.find(made[0][:13]).id == made[0]
