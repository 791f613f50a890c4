"""Images on their way into a real Glance: files, formats, what is refused, and what the official client sees of it."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import glance_server
import jsonschema
import pytest
from openstack_client import OpenstackClient

from goldsmith.artifact import qemuimg
from goldsmith.catalog.entry import BUILD_KEY, NewImage, Query
from goldsmith.catalog.glance import GlanceCatalog
from goldsmith.catalog.glance_api import PATCH
from goldsmith.catalog.rules import REVOKED
from goldsmith.cli.main import run
from goldsmith.errors import CatalogError, GateError
from goldsmith.host.files import human_size, sha256_of
from goldsmith.host.process import LocalHost
from goldsmith.host.retry import until
from goldsmith.publish.item import Destination, Item
from goldsmith.publish.push import Listener, push
from goldsmith.recipe.outputs import output_schemas
from goldsmith.recipe.project import CloudCatalog

pytestmark = pytest.mark.real
MIB = 1 << 20


def replace_part(said: CloudCatalog, **changes: object) -> CloudCatalog:
    return said.model_copy(update=changes)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[glance_server.GlanceServer]:
    """Give a Glance in which an image has 24 MiB at most."""
    folder = tmp_path_factory.mktemp("glance")
    with glance_server.running(folder, image_size_cap=24 * MIB) as found:
        (folder / "clouds.yaml").write_text(found.clouds("real", token="me:images:member"))
        yield found


@pytest.fixture
def glance(server, tmp_path, monkeypatch) -> GlanceCatalog:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(server.folder / "clouds.yaml"))
    monkeypatch.chdir(tmp_path)
    return GlanceCatalog("real", CloudCatalog(cloud="real"), tmp_path / "clouds")


@pytest.fixture
def command(glance, capfd):
    def call(*words):
        capfd.readouterr()
        code = run([str(word) for word in words])
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return call


@pytest.fixture
def disk(tmp_path):
    """Give a qcow2 of 8 MiB, of a name that is new in each test."""
    path = tmp_path / f"{tmp_path.name}.qcow2"
    raw = tmp_path / "content"
    raw.write_bytes(os.urandom(3 * MIB) + bytes(5 * MIB))
    qemuimg.convert(LocalHost(), raw, path, src_format="raw", compression="zlib")
    return path


def test_a_file_is_sent_once_and_found_the_next_time(command, glance, disk):
    first = command(
        "push", disk, "--catalog", "real", "--json", "--property", "os_distro=debian", "--tag", "t"
    )
    assert first[0] == 0, first[2]
    (said,) = json.loads(first[1])
    jsonschema.validate([said], output_schemas()["push"])
    assert (said["sent"], said["converted"], said["catalog"]) == (True, False, "real")
    image = said["image"]
    assert (image["status"], image["disk_format"], image["min_disk"]) == ("active", "qcow2", 1)
    assert (image["os_distro"], image["tags"], image["name"]) == ("debian", ["t"], disk.stem)
    code, out, _ = command("push", disk, "--catalog", "real")
    assert code == 0
    assert (
        out
        == f"{image['id']} {disk.stem}: {human_size(image['size'])} qcow2, is there already, so it was not sent\n"
    )
    assert len(glance.list(Query(name=disk.stem))) == 1


def test_what_was_asked_of_an_image_that_is_there_is_told_with_the_command_for_it(command, disk):
    assert command("push", disk, "--catalog", "real", "--property", "a=b", "--min-ram", "512")[0] == 0
    code, out, err = command(
        *("push", disk, "--catalog", "real", "--tag", "new one", "--property", "a=b", "--property", "c=d e"),
        *("--visibility", "shared", "--min-ram", "512", "--min-disk", "7"),
    )
    ident = out.split()[0]
    options = "--visibility shared --min-disk 7 --property 'c=d e' --tag 'new one'"
    said = f"note: {ident} was left as it is there\n  fix: goldsmith image set {ident} {options} --catalog real\n"
    assert (code, err) == (0, said)
    assert command(*shlex.split(said.partition("fix: goldsmith ")[2]))[0] == 0
    code, _, err = command("push", disk, "--catalog", "real", "--tag", "new one", "--property", "c=d e")
    assert (code, err) == (0, "")


def filesystem(path: Path) -> None:
    path.write_bytes(bytes(8 * MIB))
    subprocess.run(["/sbin/mkfs.ext4", "-q", path], check=True)


def medium(path: Path) -> None:
    (path.parent / "readme").write_text("a medium\n")
    pack = ["xorriso", "-as", "mkisofs", "-quiet", "-o", path, path.parent / "readme"]
    subprocess.run(pack, check=True, capture_output=True)


def kernel(path: Path) -> None:
    """Write what GRUB takes for a bzImage, with the boot sector's mark, which Glance takes for a disk's."""
    head = bytearray(os.urandom(64 << 10))
    head[0x1FE:0x206] = b"\x55\xaa\xeb\x66HdrS"
    head[0x1F1], head[0x206:0x208] = 4, b"\x0f\x02"
    head[0x1F4:0x1F8] = ((64 << 10) // 16 - 5 * 32).to_bytes(4, "little")
    path.write_bytes(head)


MADE = {"ami": filesystem, "aki": kernel, "iso": medium}
MADE["ari"] = lambda path: path.write_bytes(b"070701" + b"0" * 4096)


@pytest.mark.parametrize("kind", ["aki", "ami", "ari", "iso", "qcow2", "raw", "vdi", "vhd", "vmdk", "vhdx"])
def test_every_format_of_the_manual_is_pushed_listed_and_saved(command, disk, tmp_path, kind):
    file = tmp_path / f"of-{kind}-{disk.stem}"  # of a name that says nothing
    if kind in MADE:
        MADE[kind](file)
    else:
        qemu = {"vhd": "vpc"}.get(kind, kind)
        subprocess.run(["qemu-img", "convert", "-O", qemu, disk, file], check=True)
    code, out, err = command("push", file, "--catalog", "real", "--json")
    assert code == 0, err
    image = json.loads(out)[0]["image"]
    container = kind if kind in ("aki", "ami", "ari") else "bare"
    assert (image["disk_format"], image["container_format"], image["status"]) == (kind, container, "active")
    assert command("image", "export", image["id"], tmp_path / "saved", "--catalog", "real")[0] == 0
    assert (tmp_path / "saved").read_bytes() == file.read_bytes()


def test_a_catalog_that_wants_raw_gets_raw_and_it_is_not_converted_twice(command, glance, disk, tmp_path):
    (tmp_path / "goldsmith.yaml").write_text(
        "catalog: ceph\ncatalogs:\n  ceph: {cloud: real, format: raw, visibility: shared}\n"
    )
    code, out, err = command("push", disk, "--json")
    assert code == 0, err
    (said,) = json.loads(out)
    assert (said["sent"], said["converted"]) == (True, True)
    image = said["image"]
    assert (image["disk_format"], image["size"], image["visibility"]) == ("raw", 8 * MIB, "shared")
    copy = tmp_path / "copy.raw"
    glance.download(image["id"], copy)
    assert copy.read_bytes() == (tmp_path / "content").read_bytes()

    def never(what, percent):
        raise AssertionError(what)

    to = Destination("ceph", lambda: glance, "raw")
    again = push(
        Item(disk, NewImage(name=disk.stem)), to, LocalHost(), tmp_path / "scratch", Listener(step=never)
    )
    assert (again.sent, again.converted, again.image.id) == (False, True, image["id"])


def test_a_catalog_with_an_import_method_gets_its_images_by_that(command, glance, disk, tmp_path):
    (tmp_path / "goldsmith.yaml").write_text(
        "catalogs:\n  direct: {cloud: real, import_method: glance-direct, format: raw}\n"
    )
    code, out, err = command("push", disk, "--catalog", "direct", "--json", "--protected")
    assert code == 0, err
    (said,) = json.loads(out)
    image = said["image"]
    assert (said["sent"], image["disk_format"], image["protected"]) == (True, "raw", True)
    assert image["goldsmith_sha256"] == sha256_of(tmp_path / "content")
    tasks = glance.api.ask("tell its tasks", f"/images/{image['id']}/tasks")["tasks"]
    assert [(one["type"], one["status"]) for one in tasks] == [("api_image_import", "success")]
    (said,) = json.loads(command("push", disk, "--catalog", "direct", "--json")[1])
    assert (said["sent"], said["image"]["id"]) == (False, image["id"])


def test_a_killed_conversion_is_swept_by_the_next(glance, disk, tmp_path):
    left = tmp_path / "scratch" / ".goldsmith-converted.old"
    left.mkdir(parents=True)
    (left / "image.raw").write_bytes(b"half")
    (left / "lock").touch()
    to = Destination("ceph", lambda: glance, "raw")
    push(Item(disk, NewImage(name=disk.stem)), to, LocalHost(), tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_file_that_changes_while_it_is_sent_leaves_nothing(glance, server, tmp_path):
    path = tmp_path / "busy.raw"
    path.write_bytes(os.urandom(16 * MIB))
    before = server.stored()

    def touched(done, total):
        with path.open("ab") as file:
            file.write(b"more")

    to = Destination("real", lambda: glance)
    item = Item(path, NewImage(name="busy", disk_format="raw"))
    with pytest.raises(CatalogError, match=r"busy\.raw changed while it was registered") as caught:
        push(item, to, LocalHost(), tmp_path, Listener(sending=touched))
    assert caught.value.exit_code == 6
    assert glance.list(Query(name="busy", hidden=True)) == ()
    until(lambda: server.stored() == before or None, what="end of the broken request in Glance", deadline=20)


def test_a_revoked_image_is_not_sent_once_more(glance, disk, tmp_path):
    item = Item(disk, NewImage(name="withdrawn", properties={BUILD_KEY: "k-withdrawn"}))
    plain, raw = Destination("real", lambda: glance), Destination("ceph", lambda: glance, "raw")
    for to in (plain, raw):
        sent = push(item, to, LocalHost(), tmp_path).image
        said = [{"op": "add", "path": f"/{REVOKED}", "value": "CVE-1"}]
        glance.api.once("revoke", "PATCH", f"/images/{sent.id}", body=said, headers=PATCH)
        glance.deactivate(sent.id)
        with pytest.raises(GateError, match=rf"withdrawn was revoked in {to.name} \({sent.id}\): CVE-1"):
            push(item, to, LocalHost(), tmp_path)
    found = glance.list(Query(name="withdrawn", hidden=True))
    assert [one.status for one in found] == ["deactivated", "deactivated"]


def test_what_is_larger_than_the_cloud_takes_is_refused_and_gone(command, glance, server, tmp_path):
    path = tmp_path / "large.raw"
    path.write_bytes(os.urandom(25 * MIB))
    before = server.stored()
    code, _, err = command("push", path, "--catalog", "real")
    assert code == 6
    assert "413" in err
    assert "push a smaller format" in err
    assert glance.list(Query(name="large", hidden=True)) == ()
    assert server.stored() == before


def test_what_is_known_not_to_fit_is_neither_converted_nor_sent(glance, disk, tmp_path):
    small = replace(glance, said=replace_part(glance.said, largest=5 * MIB))
    large = tmp_path / "large.raw"
    large.write_bytes(os.urandom(6 * MIB))

    def never(*_):
        raise AssertionError("it was begun")

    for item, wanted in (
        (Item(disk, NewImage(name="q")), "raw"),
        (Item(large, NewImage(name="q", disk_format="raw")), None),
    ):
        to = Destination("real", lambda: small, wanted)
        with pytest.raises(
            CatalogError, match=r"real has no room for it: an image may have \d+ bytes"
        ) as caught:
            push(item, to, LocalHost(), tmp_path / "scratch", Listener(never, never))
        assert caught.value.exit_code == 6
    assert glance.list(Query(name="q", hidden=True)) == ()


def test_what_does_not_fit_a_quota_that_nobody_tells_is_refused_at_once_and_gone(tmp_path, monkeypatch):
    with glance_server.running(tmp_path / "poor", project_quota=4 * MIB) as poor:
        clouds = tmp_path / "clouds.yaml"
        clouds.write_text(poor.clouds("poor", token="me:images:member"))
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
        catalog = GlanceCatalog("poor", CloudCatalog(cloud="poor"), tmp_path / "notes")
        large = tmp_path / "large.raw"
        large.write_bytes(os.urandom(6 * MIB))
        item = Item(large, NewImage(name="q", disk_format="raw"))
        with pytest.raises(CatalogError, match="413"):
            push(item, Destination("poor", lambda: catalog), LocalHost(), tmp_path / "scratch")
        assert catalog.list(Query(hidden=True)) == ()
        assert poor.stored() == []


def test_an_unsafe_image_is_not_sent(command, glance, disk, tmp_path):
    qemuimg.create_overlay(LocalHost(), disk, tmp_path / "over.qcow2", relative=True)
    code, _, err = command("push", "over.qcow2", "--catalog", "real")
    assert code == 5
    assert "over.qcow2 is refused: it needs another file below it (a backing file)" in err
    cut = tmp_path / "cut.qcow2"
    cut.write_bytes(disk.read_bytes()[: 2 * MIB])
    assert command("push", cut, "--catalog", "real")[0] == 5
    assert glance.list(Query(name="cut", hidden=True)) == glance.list(Query(name="over", hidden=True)) == ()


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--disk-format", "vmdk"], 2, "is qcow2, not vmdk\n  fix: say --disk-format qcow2"),
        (
            ["--property", "hw_disk_bus=floppy"],
            2,
            "the property hw_disk_bus cannot be 'floppy'\n  fix: allowed:",
        ),
        (["--property", "os_glance_x=1"], 2, "the property os_glance_x belongs to Glance"),
        (["--property", "size=1"], 2, "size is a field of the image, not a property"),
        (["--name", "x" * 256], 2, "the name has 256 characters, the longest that fits has 255"),
        (["--name", "\U0001f600"], 2, "which Glance refuses"),
        (["--visibility", "public"], 6, "refused to create the image"),
        (["--catalog", "reel"], 2, "there is no catalog 'reel'\n  fix: there are: local, real"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(command, glance, disk, more, code, said):
    found = command("push", disk, "--catalog", "real", *more)
    assert (found[0], said in found[2]) == (code, True), found[2]
    assert glance.list(Query(name=disk.stem, hidden=True)) == ()


def test_a_signed_image_is_not_converted(glance, disk, tmp_path):
    signature = {
        "img_signature": "aGk=",
        "img_signature_hash_method": "SHA-256",
        "img_signature_key_type": "RSA-PSS",
        "img_signature_certificate_uuid": "00000000-0000-0000-0000-000000000000",
    }
    item = Item(disk, NewImage(name="signed", properties=signature))
    with pytest.raises(GateError, match="signed as qcow2, and ceph wants raw"):
        push(item, Destination("ceph", lambda: glance, "raw"), LocalHost(), tmp_path)
    without = Destination("ceph", lambda: glance, "raw", signatures=False)
    sent = push(item, without, LocalHost(), tmp_path)
    assert (sent.sent, sent.converted, sent.image.status) == (True, True, "active")
    assert not signature.keys() & sent.image.properties.keys()


def test_a_cloud_without_a_key_manager_takes_a_signed_image_without_its_signature(command, glance, disk):
    key, certificate = disk.with_name("key.pem"), disk.with_name("certificate.pem")
    assert command("keygen", "--key", key, "--certificate", certificate, "--name", "Unsigned")[0] == 0
    assert command("sign", disk, "--key", key, "--certificate", certificate)[0] == 0
    refused = command("push", disk, "--catalog", "real")
    assert refused[0] == 6
    assert "has no key manager (Barbican) that answers" in refused[2]
    assert "goldsmith push --unsigned, or `signatures: false`" in refused[2]
    assert glance.list(Query(name=disk.stem, hidden=True)) == ()
    sent = command("push", disk, "--catalog", "real", "--unsigned")
    assert sent[0] == 0, sent[2]
    (image,) = glance.list(Query(name=disk.stem))
    assert image.status == "active"
    assert not [name for name in image.properties if name.startswith("img_signature")]


def test_the_official_client_lists_shows_and_saves_what_was_pushed(command, server, disk, tmp_path):
    code, out, err = command(
        *("push", disk, "--catalog", "real", "--json", "--name", "for osc", "--protected"),
        *(
            "--property",
            "hw_qemu_guest_agent=yes",
            "--property",
            "replace_frequency=never",
            "--min-ram",
            "512",
        ),
    )
    assert code == 0, err
    (said,) = json.loads(out)
    openstack = OpenstackClient(server.folder / "clouds.yaml", "real")
    listed = json.loads(openstack("image", "list", "-f", "json", "--name", "for osc"))
    assert [(one["ID"], one["Status"]) for one in listed] == [(said["image"]["id"], "active")]
    shown = json.loads(openstack("image", "show", "-f", "json", "for osc"))
    wanted = ("id", "name", "status", "size", "checksum", "min_disk", "min_ram", "protected", "disk_format")
    assert [shown[one] for one in wanted] == [said["image"][one] for one in wanted]
    assert shown["properties"]["os_hash_value"] == said["image"]["os_hash_value"]
    assert shown["properties"]["goldsmith_sha256"] == said["image"]["goldsmith_sha256"]
    assert shown["properties"]["hw_qemu_guest_agent"] == "yes"
    saved = Path(tmp_path, "saved.qcow2")
    openstack("image", "save", "--file", saved, "for osc")
    assert saved.read_bytes() == disk.read_bytes()
