"""The command line on a real Glance."""

import json
import os
from uuid import uuid4

import jsonschema
import pytest
from bad_proxy import BadProxy

from goldsmith.cli.main import run
from goldsmith.recipe.outputs import output_schemas

pytestmark = pytest.mark.real
SCHEMAS = output_schemas()


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "my-disk.raw"
    path.write_bytes(os.urandom(1 << 20))
    return path


@pytest.fixture
def goldsmith(cloud, glance, tmp_path, monkeypatch, capsys):
    """Run commands on a new project in a Glance; give the exit code, the JSON document, and what was said."""
    server, project = glance(), uuid4().hex
    cloud(server, token=f"me:{project}:member")
    cloud(server, token=f"you:{project}x:member", name="other")
    cloud(server, token=f"me:{project}:reader", name="reader")
    cloud(server, token=f"root:{project}:admin", name="admin")
    monkeypatch.chdir(tmp_path)

    def command(*words, catalog="cloud"):
        code = run([*map(str, words), "--catalog", catalog, "--json"])
        said = capsys.readouterr()
        told = json.loads(said.out) if said.out else None
        names = [" ".join(map(str, words[:count])) for count in (3, 2)]
        if (schema := next((SCHEMAS[name] for name in names if name in SCHEMAS), None)) and code == 0:
            jsonschema.validate(told, schema)
        return code, told, said.err

    command.project = f"{project}x"
    return command


def imported(goldsmith, disk, *more):
    code, told, err = goldsmith("image", "import", disk, *more)
    assert code == 0, err
    return told["image"]


def test_an_image_is_imported_listed_changed_and_deleted(goldsmith, disk, tmp_path):
    image = imported(goldsmith, disk, "--property", "os_distro=debian", "--tag", "t", "--min-ram", "512")
    assert (image["name"], image["status"], image["disk_format"]) == ("my-disk", "active", "raw")
    assert (image["min_disk"], image["min_ram"], image["tags"], image["os_distro"]) == (
        1,
        512,
        ["t"],
        "debian",
    )
    assert [one["id"] for one in goldsmith("image", "list")[1]] == [image["id"]]
    assert goldsmith("image", "set", "my-disk", "--name", "yours", "--property", "a=b")[1]["a"] == "b"
    assert goldsmith("image", "verify", "yours")[1][0]["good"]
    out = tmp_path / "out.raw"
    assert goldsmith("image", "export", "yours", out)[0] == 0
    assert out.read_bytes() == disk.read_bytes()
    assert goldsmith("image", "deactivate", "yours")[1][0]["status"] == "deactivated"
    code, _, err = goldsmith("image", "export", "yours", tmp_path / "no.raw")
    assert (code, "is deactivated, so its bytes are given to nobody" in err) == (6, True)
    assert goldsmith("image", "reactivate", "yours")[0] == 0
    assert goldsmith("image", "delete", image["id"])[1][0]["status"] == "deleted"
    assert goldsmith("image", "list")[1] == []


def test_a_protected_image_is_refused_with_5(goldsmith, disk):
    image = imported(goldsmith, disk, "--protected")
    code, _, err = goldsmith("image", "delete", image["id"])
    assert (code, "is protected\n  fix: goldsmith image set" in err) == (5, True)
    assert goldsmith("image", "set", image["id"], "--unprotected")[0] == 0
    assert goldsmith("image", "delete", image["id"])[0] == 0


def test_purge_prints_what_the_operator_has_to_run_and_ends_with_6(goldsmith):
    code, _, err = goldsmith("image", "purge", "--older-than", "60d")
    assert code == 6
    assert "glance-manage db purge --age_in_days 60 --max_rows -1" in err
    assert "glance-manage db purge_images_table --age_in_days 60 --max_rows -1" in err


def test_an_image_is_shared_and_accepted(goldsmith, disk):
    image = imported(goldsmith, disk, "--visibility", "shared")["id"]
    assert goldsmith("image", "members", "list", image)[1] == []
    added = goldsmith("image", "members", "add", image, goldsmith.project)[1]
    assert added == [{"image_id": image, "member_id": goldsmith.project, "status": "pending"}]
    assert goldsmith("image", "list", catalog="other")[1] == []
    answer = ("image", "members", "accept", image, "--project-id", goldsmith.project)
    assert goldsmith(*answer, catalog="other")[1][0]["status"] == "accepted"
    assert [one["id"] for one in goldsmith("image", "list", catalog="other")[1]] == [image]
    reject = ("image", "members", "reject", image, "--project-id", goldsmith.project)
    assert goldsmith(*reject, catalog="other")[1][0]["status"] == "rejected"
    code, _, err = goldsmith("image", "members", "accept", image, catalog="other")
    assert (code, "does not tell which project this user is in" in err) == (2, True)
    assert goldsmith("image", "members", "remove", image, goldsmith.project)[1] == []
    code, _, err = goldsmith("image", "members", "remove", image, goldsmith.project)
    assert (code, "is not shared with" in err) == (6, True)


def test_stores_are_shown_and_filled(goldsmith, disk):
    image = imported(goldsmith, disk)
    told = goldsmith("image", "stores")[1]
    assert [one["id"] for one in told["stores"]] == ["fast", "slow"]
    code, _, err = goldsmith("image", "copy-to-store", image["id"], "slow")
    assert (code, "(403)" in err) == (6, True)
    copied = goldsmith("image", "copy-to-store", image["id"], "slow", catalog="admin")[1]
    assert set(copied["stores"].split(",")) == {"fast", "slow"}
    code, _, err = goldsmith("image", "copy-to-store", image["id"], "moon")
    assert (code, "fix: it has: fast, slow" in err) == (2, True)


def test_what_the_role_does_not_allow_is_told_before_a_byte_is_sent(goldsmith, disk):
    code, _, err = goldsmith("image", "import", disk, "--visibility", "public")
    assert code == 6
    assert "cloud refused to create the image 'my-disk' (403): " in err
    assert "public images are the administrators' affair: try --visibility shared or community" in err
    image = imported(goldsmith, disk)["id"]
    code, _, err = goldsmith("image", "set", image, "--name", "x", catalog="reader")
    assert (code, "(403)" in err) == (6, True)
    code, _, err = goldsmith("image", "verify", image, catalog="reader")
    assert (code, "(403)" in err) == (6, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--name", "x" * 256), 2, "has 256 characters, the longest that fits has 255"),
        (("--name", "disk \N{PILE OF POO}"), 2, "which Glance refuses"),
        (("--property", "os_glance_x=1"), 2, "belongs to Glance"),
        (("--format", "qcow2"), 5, "is raw, not qcow2"),
        (("--method", "web-download"), 2, "is no URL for a cloud to fetch"),
        (("--store", "slow"), 2, "no method of import"),
        (("--sha512", "abc"), 2, "is no sha512"),
    ],
)
def test_what_cannot_be_meant_is_refused(goldsmith, disk, words, code, said):
    ended, _, err = goldsmith("image", "import", disk, *words)
    assert ended == code, err
    assert said in err
    assert goldsmith("image", "list", "--all")[1] == []


def test_a_url_is_fetched_by_a_cloud_and_wants_its_format_said(goldsmith):
    url = "http://127.0.0.1:9/a.raw"
    code, _, err = goldsmith("image", "import", url, catalog="local")
    assert (code, "is a URL, which only a cloud can import\n  fix: name one with --catalog" in err) == (
        2,
        True,
    )
    code, _, err = goldsmith("image", "import", url, "--method", "glance-direct")
    assert (code, "leave --method out: the cloud fetches it" in err) == (2, True)
    code, _, err = goldsmith("image", "import", url)
    assert (code, "say --format" in err) == (2, True)
    code, _, err = goldsmith("image", "import", url, "--format", "raw")
    assert (code, "(400): URI for web-download does not pass filtering" in err) == (6, True), err
    assert "fetch the file here, then goldsmith push FILE --catalog cloud" in err
    assert goldsmith("image", "list", "--all")[1] == []


def test_what_is_not_there_is_told_with_where_to_look(goldsmith):
    for words in (("show", "nope"), ("delete", "nope"), ("show", str(uuid4()))):
        code, _, err = goldsmith("image", *words)
        assert (code, "cloud has no image" in err) == (6, True), err


def test_a_token_that_is_refused_is_told(goldsmith, cloud, glance):
    cloud(glance(), token="me:p:member:1", name="expired")
    code, _, err = goldsmith("image", "list", catalog="expired")
    assert code == 6
    assert "(401)" in err
    assert "fix: the token is refused or has expired: see to the credentials of expired in clouds.yaml" in err


def test_a_cloud_that_is_down_for_a_moment_is_asked_again(goldsmith, cloud, glance):
    with BadProxy(glance().url) as proxy:
        proxy.refuse = 2
        cloud(glance(), url=proxy.url, name="shaky")
        assert goldsmith("image", "list", catalog="shaky")[0] == 0
        assert proxy.refuse == 0


def test_the_embedded_catalog_takes_a_file_by_the_same_command(goldsmith, disk):
    code, told, err = goldsmith("image", "import", disk, catalog="local")
    assert (code, told["image"]["status"]) == (0, "active"), err
    code, _, err = goldsmith("image", "import", disk, "--method", "glance-direct", catalog="local")
    assert (code, "is no server" in err) == (6, True)


def test_a_cloud_that_says_no_password_is_told_without_a_word_of_the_library(goldsmith, tmp_path):
    clouds = tmp_path / "clouds.yaml"
    section = "  gap:\n    auth_type: password\n    auth: {auth_url: 'http://127.0.0.1:9/v3', username: a}\n"
    clouds.write_text(clouds.read_text() + section)
    code, _, err = goldsmith("image", "list", catalog="gap")
    assert code == 2
    assert err.startswith(
        "the cloud gap of clouds.yaml says too little to log in: password is a required attribute\n"
    )


def test_a_cloud_without_a_key_manager_is_told_when_a_certificate_is_to_go_there(goldsmith, disk, capsys):
    for words in (("keygen", "--name", "x", "--type", "ECC_SECP384R1"), ("sign", str(disk))):
        assert run([*words, "--key", "k.pem", "--certificate", "c.pem"]) == 0
    capsys.readouterr()
    code, _, err = goldsmith("push", disk, "--name", "signed")
    assert (code, "cloud has no key manager (Barbican) that answers" in err) == (6, True), err
    assert "ask its operators, or upload without: goldsmith push --unsigned" in err
    assert "Warning" not in err
    assert goldsmith("image", "list", "--all")[1] == []
