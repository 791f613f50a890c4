"""What a real Glance makes itself: fetched and staged images, conversion, stores, copies."""

import hashlib
import os
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import glance_server
import pytest
from bad_proxy import BadProxy

from goldsmith.catalog.entry import SOURCE, NewImage, Query, Status
from goldsmith.catalog.facts import ImportMethod, Source
from goldsmith.errors import CatalogError, UsageError
from goldsmith.host.files import digest

pytestmark = pytest.mark.real

NEW = NewImage("disk", disk_format="raw", protected=True, properties={"os_distro": "debian"})


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """Serve a folder by HTTP: its path and its URL."""
    folder = tmp_path_factory.mktemp("web")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "disk.raw").write_bytes(os.urandom(3 << 20))
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory, web):
    port = int(web[1].rpartition(":")[2])
    with glance_server.running(tmp_path_factory.mktemp("importing"), fetch_port=port) as running:
        yield running


@pytest.fixture
def disk(web):
    return web[0] / "disk.raw"


def unlocked(server, work):
    """Do it again where the tests' server fell over its own SQLite, which no cloud uses."""
    log = server.folder / "glance.log"
    for _ in range(5):
        before = log.stat().st_size
        try:
            return work()
        except CatalogError:
            if b"database is locked" not in log.read_bytes()[before:]:
                raise
    return work()


def test_a_staged_file_is_compared_like_an_uploaded_one(cloud, server, disk):
    catalog = cloud(server)
    heard: list[int] = []
    done = catalog.import_image(NEW, Source(disk, ImportMethod.GLANCE_DIRECT), on_bytes=heard.append)
    image = catalog.get(done.image_id)
    assert (image.status, done.notes, image.protected) == (Status.ACTIVE, (), True)
    assert image.differences(digest(disk)) == ()
    assert image.sha256 == digest(disk).sha256
    assert sum(heard) == disk.stat().st_size
    assert list(catalog.folder.glob("*")) == []


def test_a_fetched_image_is_compared_with_what_was_promised_of_it(cloud, server, web, disk):
    catalog = cloud(server)
    sha512 = hashlib.sha512(disk.read_bytes()).hexdigest()
    url = f"{web[1]}/disk.raw"
    done = catalog.import_image(NEW, Source(url, ImportMethod.WEB_DOWNLOAD, sha512=sha512))
    assert (catalog.get(done.image_id).os_hash_value, done.notes) == (sha512, ())
    (note,) = catalog.import_image(NEW, Source(url, ImportMethod.WEB_DOWNLOAD)).notes
    assert "nothing was known to compare them with" in note
    before = catalog.list(Query(hidden=True))
    with pytest.raises(CatalogError, match=f"has the sha512 {sha512}\n  fix: see which of the two is wrong"):
        catalog.import_image(NEW, Source(url, ImportMethod.WEB_DOWNLOAD, sha512="0" * 128))
    assert catalog.list(Query(hidden=True)) == before


def test_a_url_that_cannot_be_fetched_is_told_with_the_answer_to_this_host(cloud, server, web):
    catalog = cloud(server)
    with pytest.raises(
        CatalogError, match=r"could not import the image\n(.|\n)*/nope\.raw answers 404 File not f"
    ):
        catalog.import_image(NEW, Source(f"{web[1]}/nope.raw", ImportMethod.WEB_DOWNLOAD))
    assert catalog.list(Query(hidden=True)) == ()


def test_a_cloud_that_converts_says_so_by_what_it_has(cloud, tmp_path, row):
    source = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", source, "8M"], check=True)
    with glance_server.running(tmp_path / "converting", convert_to="raw") as server:
        catalog = cloud(server)
        qcow2 = NewImage("disk", disk_format="qcow2")
        done = unlocked(
            server, lambda: catalog.import_image(qcow2, Source(source, ImportMethod.GLANCE_DIRECT))
        )
        image = catalog.get(done.image_id)
        assert (image.status, image.disk_format, image.size) == (Status.ACTIVE, "raw", 8 << 20)
        assert image.sha256 is None  # that of the source would be a lie
        (note,) = done.notes
        assert "the cloud converted it from qcow2 to raw: size and digests are those of its result" in note
        importing = replace(catalog, said=catalog.said.model_copy(update={"import_method": "glance-direct"}))
        asked = NewImage("asked for in goldsmith.yaml", disk_format="qcow2")
        image = unlocked(server, lambda: importing.register(source, asked))
        assert (image.status, image.disk_format, image.sha256) == (Status.ACTIVE, "raw", None)
        assert image.properties[SOURCE] == digest(source).sha256
        assert importing.register(source, asked) == image  # nothing is staged and converted twice
        packed = tmp_path / "disk.raw.gz"
        subprocess.run(f"head -c 5000000 /dev/zero | gzip > {packed}", shell=True, check=True)
        new = NewImage("packed", disk_format="raw")
        done = unlocked(server, lambda: catalog.import_image(new, Source(packed, ImportMethod.GLANCE_DIRECT)))
        assert catalog.get(done.image_id).size == 5_000_000
        assert "the cloud unpacked it" in done.notes[0]
        before = catalog.list(Query(hidden=True))
        vhd = tmp_path / "disk.vhd"
        subprocess.run(["qemu-img", "create", "-q", "-f", "vpc", vhd, "8M"], check=True)
        new = NewImage("refused", disk_format="vhd")
        with pytest.raises(
            CatalogError, match=r"could not import the image\n(.|\n)*a server that converts takes no vhd"
        ):
            catalog.import_image(new, Source(vhd, ImportMethod.GLANCE_DIRECT))
        assert catalog.list(Query(hidden=True)) == before
        row("import: the server's conversion fails")


def test_an_image_goes_to_the_stores_that_are_named(cloud, server, disk):
    assert [(one.id, one.default) for one in cloud(server).stores()] == [("fast", True), ("slow", False)]
    catalog = cloud(server, name="to-slow", store="slow")
    image = catalog.register(disk, NewImage("slow", disk_format="raw"))
    assert image.stores == ("slow",)
    assert (server.folder / "slow" / image.id).stat().st_size == disk.stat().st_size
    done = catalog.import_image(NEW, Source(disk, ImportMethod.GLANCE_DIRECT, stores=("fast", "slow")))
    assert sorted(catalog.get(done.image_id).stores) == ["fast", "slow"]


def test_an_image_is_copied_to_more_stores(cloud, server, disk):
    catalog = cloud(server, token="root:copies:admin", name="admin")
    image = catalog.register(disk, NewImage("disk", disk_format="raw"))
    copied = catalog.copy_to_stores(image.id, ("slow",))
    assert sorted(copied.stores) == ["fast", "slow"]
    assert (server.folder / "slow" / image.id).read_bytes() == disk.read_bytes()
    assert catalog.copy_to_stores(image.id, ("slow", "fast")) == copied
    both = cloud(server, token="root:copies:admin", name="both", stores=["fast", "slow"])
    assert sorted(both.register(disk, NewImage("both", disk_format="raw")).stores) == ["fast", "slow"]


def test_a_copy_that_only_administrators_may_make_is_told_and_an_import_goes_to_all_stores(
    cloud, server, disk
):
    new = NewImage("both", disk_format="raw")
    catalog = cloud(server, stores=["fast", "slow"])
    with pytest.raises(
        CatalogError, match=r"is verified and active, but in fast only: (.|\n)*\(403\)(.|\n)*fix: copies"
    ):
        catalog.register(disk, new)
    assert [one.status for one in catalog.list()] == [Status.ACTIVE]
    catalog = cloud(server, name="direct", stores=["fast", "slow"], import_method="glance-direct")
    image = catalog.register(disk, new)
    assert (sorted(image.stores), image.differences(digest(disk))) == (["fast", "slow"], ())
    assert catalog.register(disk, new) == image


def test_a_store_that_is_not_there_is_named_before_anything_is_sent(cloud, server, disk):
    catalog = cloud(server, name="moon", store="moon")
    with pytest.raises(UsageError, match="has no store 'moon'\n  fix: it has: fast, slow"):
        catalog.register(disk, NewImage("disk", disk_format="raw"))
    with pytest.raises(UsageError, match="has no store 'moon'"):
        catalog.import_image(NEW, Source(disk, ImportMethod.GLANCE_DIRECT, stores=("moon",)))
    assert catalog.list(Query(hidden=True)) == ()


def test_a_method_that_is_not_offered_is_told_with_those_that_are(cloud, server, disk):
    with ExitStack() as stack:
        none = b'{"import-methods": {"value": ["web-download"]}}'
        proxy = stack.enter_context(BadProxy(server.url, answers={b"GET /v2/info/import": none}))
        catalog = cloud(server, url=proxy.url)
        with pytest.raises(
            CatalogError, match="does not offer glance-direct\n  fix: it offers: web-download; a plain"
        ):
            catalog.import_image(NEW, Source(disk, ImportMethod.GLANCE_DIRECT))


def test_properties_are_checked_against_the_servers_schema_before_anything_is_made(cloud, server, disk):
    schema = (
        b'{"properties": {"hw_disk_bus": {"type": "string", "enum": ["scsi", "virtio"]},'
        b' "note": {"type": "string", "maxLength": 5}, "count": {"type": "integer"}}, "required": ["approved"]}'
    )
    with BadProxy(server.url, answers={b"GET /v2/schemas/image": schema}) as proxy:
        catalog = cloud(server, url=proxy.url)
        wrong = {"hw_disk_bus": "ide", "note": "too long", "count": "1"}
        with pytest.raises(UsageError) as told:
            catalog.register(disk, NewImage("disk", disk_format="raw", properties=wrong))
        assert "the property approved is missing" in told.value.problem
        assert "hw_disk_bus cannot be 'ide', only one of: scsi, virtio" in told.value.problem
        assert "note has 8 characters, at most 5 fit" in told.value.problem
        assert "count is of the type integer" in told.value.problem
        assert not [head for head in proxy.heads if head.startswith((b"POST", b"PUT"))]
