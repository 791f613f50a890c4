"""Signed images in a real Glance, which fetches certificates from a real Barbican by tokens of a real Keystone."""

import json
import os
import subprocess
import time
from dataclasses import replace

import openstack_server
import pytest

from goldsmith.catalog.entry import NewImage, Query, Status
from goldsmith.catalog.facts import ImportMethod, Source
from goldsmith.catalog.glance import GlanceCatalog
from goldsmith.catalog.glance_keys import PublishedCertificates
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import default_state
from goldsmith.cli.main import run
from goldsmith.errors import CatalogError, UsageError
from goldsmith.recipe.project import CloudCatalog
from goldsmith.signing import detached
from goldsmith.signing.certificates import new_certificate
from goldsmith.signing.keys import new_key, pem_of
from goldsmith.signing.names import PROPERTIES, HashMethod, KeyType, beside

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with openstack_server.running(tmp_path_factory.mktemp("cloud") / "data") as stack:
        yield stack


@pytest.fixture
def cloud(stack, tmp_path, monkeypatch):
    """Give a catalog of each user's cloud; more may be written into clouds.yaml."""
    clouds = tmp_path / "clouds.yaml"
    users = ("releng", "auditor", "imgadmin", "tenantuser", "pooruser")
    clouds.write_text("clouds:\n" + "".join(stack.cloud(name) for name in users))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    monkeypatch.chdir(tmp_path)

    def open_cloud(name, more=""):
        if more:
            clouds.write_text(clouds.read_text() + more)
        return GlanceCatalog(name, CloudCatalog(cloud=name), tmp_path / "pending" / name)

    return open_cloud


@pytest.fixture
def call(capfd):
    def call(*words):
        capfd.readouterr()
        code = run([str(word) for word in words])
        said = capfd.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(os.urandom(3_000_000))
    return path


@pytest.fixture
def key(tmp_path):
    """Make a small key and its certificate; the files are k.pem and c.pem."""
    made = new_key(KeyType.RSA_PSS, bits=2048)
    (tmp_path / "k.pem").write_bytes(pem_of(made, None))
    (tmp_path / "k.pem").chmod(0o600)
    (tmp_path / "c.pem").write_text(new_certificate(made, "Example builds", days=3).pem)
    return made


KEY = ["--key", "k.pem", "--certificate", "c.pem"]


def new(signature, name="demo"):
    return NewImage(name, disk_format="raw", properties=dict(signature.as_properties()))


def signed(call, disk, *more, cloud="releng"):
    """Sign a file with its certificate published; return the signature."""
    code, out, err = call("sign", disk, *KEY, "--publish-certificate", "--catalog", cloud, *more)
    assert code == 0, err
    found = detached.read(beside(disk)).signature
    assert (
        out == f"disk.raw: signed, RSA-PSS with {found.method}; certificate {found.certificate} in {cloud}\n"
    )
    return found


@pytest.mark.parametrize("method", HashMethod)
def test_glance_takes_what_goldsmith_signed_and_goldsmith_verifies_it_there(
    cloud, call, key, disk, method, stack
):
    signature = signed(call, disk, "--hash", method.value)
    image = cloud("releng").register(disk, new(signature))
    assert image.status is Status.ACTIVE
    assert set(PROPERTIES) <= image.properties.keys()
    code, out, _ = call("verify", image.id, "--catalog", "releng", "--ca", "c.pem", "--json")
    found = {one["id"]: one["status"] for one in json.loads(out)["checks"]}
    assert code == 0
    assert {
        name: found[name] for name in ("digest", "signature", "key", "certificate", "chain")
    } == dict.fromkeys(("digest", "signature", "key", "certificate", "chain"), "ok")
    other = new_key(KeyType.SECP384R1)
    beside(disk).with_name("other.pem").write_text(new_certificate(other, "x", days=3).pem)
    code, out, _ = call("verify", image.id, "--catalog", "releng", "--certificate", "other.pem", "--json")
    found = {one["id"]: one["status"] for one in json.loads(out)["checks"]}
    assert (code, found["digest"], found["signature"]) == (5, "ok", "failed")
    cloud("releng").delete(image.id)


@pytest.mark.parametrize("kind", [KeyType.SECP384R1, KeyType.SECP521R1])
def test_glance_takes_ec_signatures(cloud, call, tmp_path, disk, kind):
    made = new_key(kind)
    (tmp_path / "k.pem").write_bytes(pem_of(made, None))
    (tmp_path / "c.pem").write_text(new_certificate(made, "Example builds", days=3).pem)
    is_taken(cloud("releng"), call, disk, kind, *KEY)


@pytest.mark.parametrize("kind", KeyType)
def test_glance_takes_signatures_of_a_token(cloud, call, token, disk, kind, monkeypatch):
    monkeypatch.setenv("PIN", token.pin)
    words = ["--key", token.uri("builds", pin="env:PIN"), "--certificate", "c.pem"]
    assert call("keygen", *words, "--name", "Example builds", "--type", kind.value)[0] == 0
    is_taken(cloud("releng"), call, disk, kind, *words)


def is_taken(cloud, call, disk, kind, *words):
    """Sign a file, and see that Glance, which checks it, has it active."""
    code, _, err = call("sign", disk, *words, "--publish-certificate", "--catalog", cloud.name)
    assert code == 0, err
    image = cloud.register(disk, new(detached.read(beside(disk)).signature))
    assert (image.status, image.properties["img_signature_key_type"]) == (Status.ACTIVE, kind.value)
    cloud.delete(image.id)


def test_a_wrong_signature_is_refused_by_glance_and_nothing_is_left(cloud, call, key, disk, stack):
    signature = signed(call, disk)
    before = stack.stored(), cloud("releng").list(Query(hidden=True))
    disk.write_bytes(disk.read_bytes() + b"x")  # signed, then converted: other bytes
    with pytest.raises(CatalogError) as error:
        cloud("releng").register(disk, new(signature))
    assert "400" in str(error.value)
    assert "the signature is not over these bytes: sign the file that is sent" in str(error.value)
    assert (stack.stored(), cloud("releng").list(Query(hidden=True))) == before


def test_three_of_four_properties_never_reach_glance(cloud, call, key, disk):
    said = dict(signed(call, disk).as_properties())
    del said["img_signature_key_type"]
    with pytest.raises(UsageError, match="img_signature_key_type is missing: Glance does not check"):
        cloud("releng").register(disk, NewImage("demo", disk_format="raw", properties=said))
    assert cloud("releng").list() == ()


def test_a_certificate_is_published_once_and_others_read_it_only_when_let(cloud, call, key, disk, stack):
    first = signed(call, disk)
    assert signed(call, disk).certificate == first.certificate
    with pytest.raises(CatalogError) as error:
        cloud("tenantuser").register(disk, new(first))
    assert "must be able to read the certificate in Barbican: goldsmith sign --publish-certificate" in str(
        error.value
    )
    assert cloud("tenantuser").list() == ()
    user = stack.user_id("tenantuser")
    assert signed(call, disk, "--reader", user).certificate == first.certificate
    again = detached.read(beside(disk)).signature
    assert cloud("tenantuser").register(disk, new(again)).status is Status.ACTIVE


def test_an_expired_certificate_is_refused_by_goldsmith_though_glance_takes_it(
    cloud, call, key, disk, tmp_path
):
    (tmp_path / "c.pem").write_text(new_certificate(key, "x", days=0).pem)
    code, _, err = call("sign", disk, *KEY, "--publish-certificate", "--catalog", "releng")
    assert (code, "must not sign: it expired on " in err) == (5, True)
    assert not beside(disk).exists()


def test_who_may_not_store_secrets_is_told_which_role_it_takes(cloud, call, key, disk):
    code, _, err = call("sign", disk, *KEY, "--publish-certificate", "--catalog", "auditor")
    assert code == 6
    assert "may not store secrets: ask for the role member" in err
    assert not beside(disk).exists()


def test_a_wrong_password_and_a_wrong_project_are_told(cloud, call, stack, disk):
    more = stack.cloud("typo", user="releng", password="x") + stack.cloud(
        "lost", user="releng", project="tenant"
    )
    cloud("typo", more)
    for name, status in (("typo", "401"), ("lost", "401")):
        code, _, err = call("image", "list", "--catalog", name)
        assert code == 6
        assert status in err
        assert f"see to the credentials of {name} in clouds.yaml" in err


def test_an_application_credential_uploads_but_cannot_have_a_signature_checked(cloud, call, key, disk, stack):
    signature = signed(call, disk)
    catalog = cloud("robot", stack.application_credential("releng", cloud="robot"))
    image = catalog.register(disk, NewImage("plain", disk_format="raw"))
    assert image.status is Status.ACTIVE
    with pytest.raises(
        CatalogError, match="robot is entered by an application credential, with which Keystone"
    ):
        catalog.register(disk, new(signature, name="signed"))
    assert [one.name for one in catalog.list()] == ["plain"]
    catalog.delete(image.id)


def test_a_signed_image_of_the_embedded_catalog_is_pushed_with_its_certificate(
    cloud, call, key, disk, tmp_path
):
    cloud("releng")
    LocalCatalog(default_state() / "catalog").register(disk, NewImage("mine", disk_format="raw"))
    assert call("sign", "mine", *KEY)[0] == 0
    code, out, err = call("push", "mine", "--catalog", "releng", "--json")
    assert code == 0, err
    code, out, _ = call("verify", "mine", "--catalog", "releng", "--ca", "c.pem", "--json")
    found = {one["id"]: one["status"] for one in json.loads(out)["checks"]}
    assert (code, found["digest"], found["signature"], found["chain"]) == (0, "ok", "ok", "ok")
    image = cloud("releng").find("mine")
    assert PublishedCertificates(cloud("releng").api).fetch(
        image.properties["img_signature_certificate_uuid"]
    )
    cloud("releng").delete(image.id)
    assert call("sign", disk, *KEY)[0] == 0  # a file, with the signature beside it
    assert call("push", disk, "--catalog", "releng")[0] == 0
    image = cloud("releng").find("disk")
    assert call("verify", image.id, "--catalog", "releng", "--ca", "c.pem")[0] == 0
    cloud("releng").delete(image.id)
    code, out, err = call("image", "import", disk, "--catalog", "releng", "--json")
    assert code == 0, err
    ident = json.loads(out)["image"]["id"]
    assert call("verify", ident, "--catalog", "releng", "--ca", "c.pem")[0] == 0
    cloud("releng").delete(ident)
    code, _, err = call("image", "import", disk, "--method", "glance-direct", "--catalog", "releng")
    assert (code, "is signed, but a server that imports may convert it" in err) == (2, True)


def test_a_server_that_imports_gets_no_signed_image(cloud, call, key, disk):
    wanted = new(signed(call, disk))
    with pytest.raises(UsageError, match="'demo' is signed, but a server that imports may convert it"):
        cloud("releng").import_image(wanted, Source(disk, ImportMethod.GLANCE_DIRECT))
    importing = CloudCatalog(cloud="releng", import_method="glance-direct")
    catalog = replace(cloud("releng"), said=importing)
    image = catalog.register(disk, wanted)  # as it is, whatever goldsmith.yaml says of other images
    assert (image.status, set(PROPERTIES) <= image.properties.keys()) == (Status.ACTIVE, True)
    assert tasks_of(catalog, image) == []
    unsigned = catalog.register(disk, NewImage("unsigned", disk_format="raw"))
    assert [one["status"] for one in tasks_of(catalog, unsigned)] == ["success"]
    catalog.delete(image.id)
    catalog.delete(unsigned.id)


def tasks_of(catalog, image):
    return catalog.api.ask("tell its tasks", f"/images/{image.id}/tasks")["tasks"]


def test_a_token_that_expires_during_an_upload_costs_nothing(tmp_path, monkeypatch):
    path = tmp_path / "disk.raw"
    path.write_bytes(os.urandom(9 << 20))
    with openstack_server.running(tmp_path / "data", token_seconds=6) as stack:
        clouds = tmp_path / "clouds.yaml"
        clouds.write_text("clouds:\n" + stack.cloud("releng"))
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
        catalog = GlanceCatalog("releng", CloudCatalog(cloud="releng"), tmp_path / "pending")
        begun = time.monotonic()
        image = catalog.register(
            path, NewImage("slow", disk_format="raw"), on_bytes=lambda _: time.sleep(2.5)
        )
        assert time.monotonic() - begun > 9
        assert catalog.verify(image.id).good
        assert stack.stored() == [image.id]


def test_nova_takes_our_self_signed_certificate_as_a_trusted_one(key, tmp_path, stack):
    """Nova checks certificates by cursive, which lies beside the real Glance."""
    code = """if True:
        import sys
        from cryptography import x509
        from cursive import certificate_utils
        one = x509.load_pem_x509_certificate(open(sys.argv[1], 'rb').read())
        context = certificate_utils.CertificateVerificationContext([('uuid', one)])
        context.update(one)
        context.verify()
    """
    done = subprocess.run(
        [stack.python, "-c", code, tmp_path / "c.pem"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_unified_limit_of_keystone_is_told_and_kept_before_anything_is_sent(cloud, disk, tmp_path, row):
    catalog = cloud("pooruser")
    limits = catalog.limits()
    assert (limits.total, limits.used) == (openstack_server.POOR << 20, 0)
    assert limits.count == openstack_server.LIMITS["image_count_total"]
    first = catalog.register(disk, NewImage("first", disk_format="raw"))
    used = catalog.limits().used
    assert used
    assert used >= disk.stat().st_size - (1 << 20)
    large = tmp_path / "large.raw"
    large.write_bytes(os.urandom(5 << 20))
    sent: list[int] = []
    with pytest.raises(CatalogError, match=r"has no room for it: the quota is 6291456 bytes, \d+ are used"):
        catalog.register(large, NewImage("large", disk_format="raw"), on_bytes=sent.append)
    assert (sent, [one.id for one in catalog.list(Query(hidden=True))]) == ([], [first.id])
    row("over Keystone's unified limit")
