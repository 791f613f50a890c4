"""The metadata service: what it says, and how, over the one connection that QEMU opens for all of a guest's."""

import http.client
import json
import socket
import urllib.error
import urllib.request

import pytest

from goldsmith.boottest.metadata import EC2, OPENSTACK, answered_paths
from goldsmith.boottest.metadata_server import Service, served
from goldsmith.boottest.seed import TOKEN_PATH, Source, new_instance


@pytest.fixture
def instance():
    return new_instance(2, legacy=False, source=Source.SERVICE)


@pytest.fixture
def service(instance, tmp_path):
    made = Service(answered_paths(instance, windows=False), tmp_path / "metadata-2.log")
    with served(made) as port:
        made.port = port
        yield made


@pytest.fixture
def ask(service):
    def asked(path, method="GET", body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{service.port}{path}", data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    return asked


@pytest.mark.parametrize("version", OPENSTACK[-3::2])
def test_openstack_tells_who_the_instance_is(ask, instance, version):
    status, kind, text = ask(f"/openstack/{version}/meta_data.json")
    said = json.loads(text)
    assert (status, kind) == (200, "application/json")
    assert (said["uuid"], said["hostname"]) == (instance.id, instance.hostname)
    assert said["public_keys"] == {"goldsmith": instance.key.public}
    assert ask(f"/openstack/{version}/vendor_data.json") == (200, "application/json", "{}")
    status, kind, text = ask(f"/openstack/{version}/user_data")
    assert kind == "application/octet-stream"
    (file,) = json.loads(text.removeprefix("#cloud-config\n"))["write_files"]
    assert (file["path"], file["content"]) == (TOKEN_PATH, f"{instance.token}\n")


def test_the_network_is_the_instance_s_card_with_dhcp(ask, instance):
    said = json.loads(ask("/openstack/latest/network_data.json")[2])
    assert [one["ethernet_mac_address"] for one in said["links"]] == [instance.mac]
    assert [(one["type"], one["link"]) for one in said["networks"]] == [("ipv4_dhcp", said["links"][0]["id"])]


@pytest.mark.parametrize("version", EC2[-2:])
def test_ec2_is_read_as_a_tree_down_to_the_key(ask, instance, version):
    status, kind, text = ask(f"/{version}/meta-data/")
    names = text.splitlines()
    assert (status, kind) == (200, "text/plain; charset=UTF-8")
    assert {"instance-id", "local-hostname", "placement/", "public-keys/"} <= set(names)
    for name in names:
        assert ask(f"/{version}/meta-data/{name}")[0] == 200
    assert ask(f"/{version}/meta-data/public-keys/")[2] == "0=goldsmith"
    assert ask(f"/{version}/meta-data/public-keys/0/")[2] == "openssh-key"
    assert ask(f"/{version}/meta-data/public-keys/0/openssh-key")[2] == instance.key.public
    assert ask(f"/{version}/meta-data/placement/availability-zone")[2] == "nova"
    assert ask(f"/{version}/meta-data/local-hostname")[2] == instance.hostname
    assert ask(f"/{version}/meta-data/instance-id")[2].startswith("i-")
    assert ask(f"/{version}/")[2].splitlines() == ["meta-data/", "user-data"]


def test_the_versions_are_listed_as_nova_lists_them(ask):
    assert ask("/")[2].splitlines() == list(EC2)
    assert ask("/openstack")[2].splitlines() == list(OPENSTACK)
    assert "meta_data.json" in ask("/openstack/latest/")[2].splitlines()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/openstack/latest/nothing"),
        ("GET", "/openstack/1999-01-01/meta_data.json"),
        ("GET", "/latest/meta-data/public-keys/1/openssh-key"),
        ("GET", "/latest/../../etc/passwd"),
        ("POST", "/openstack/latest/meta_data.json"),
        ("PUT", "/latest/api/token"),
    ],
)
def test_all_else_is_not_there(ask, service, method, path):
    assert ask(path, method, None if method == "GET" else b"x")[:2] == (404, "text/plain; charset=UTF-8")
    assert service.asked == [f"{method} '{path}' 404"]


def test_a_windows_guest_has_no_user_data_and_gives_its_password_once(instance, tmp_path):
    made = Service(answered_paths(instance, windows=True), tmp_path / "log")
    assert made.answer("/openstack/latest/user_data") is None
    assert made.answer("/latest/user-data") is None
    with served(made) as port:
        asked = []
        for method, body in (("POST", b"first"), ("POST", b"other"), ("GET", None)):
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            link.request(method, "/openstack/2013-04-04/password", body)
            answer = link.getresponse()
            asked.append((answer.status, answer.read()))
            link.close()
    assert [status for status, _ in asked] == [200, 409, 200]
    assert asked[2][1] == b"first"


def test_one_connection_serves_all_of_a_guest_whatever_it_says_about_its_end(service):
    with (
        socket.create_connection(("127.0.0.1", service.port), timeout=5) as link,
        link.makefile("rb") as said,
    ):
        for head in (
            b"GET /latest/meta-data/hostname HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET /latest/meta-data/hostname HTTP/1.0\r\n\r\n",
            b"HEAD /openstack HTTP/1.1\r\n\r\n",
            b"NONSENSE\r\n\r\n",
            b"BREW /openstack HTTP/1.1\r\n\r\n",
            b"GET /openstack HTTP/1.1\r\n\r\n",
        ):
            link.sendall(head)
            status, headers = said.readline(), {}
            while (line := said.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode().partition(": ")
                headers[name.lower()] = value.strip()
            body = b"" if head.startswith(b"HEAD") else said.read(int(headers["content-length"]))
    assert service.asked[3:] == ["? '' 400", "BREW '/openstack' 501", "GET '/openstack' 200"]
    assert status == b"HTTP/1.1 200 OK\r\n"
    assert headers["connection"] == "close", "so that the guest closes what it opened"
    assert body.decode().splitlines() == list(OPENSTACK)


def test_each_request_is_kept_as_evidence(ask, service):
    ask("/openstack")
    ask("/x?y=1\x41")
    assert service.asked == ["GET '/openstack' 200", "GET '/x?y=1A' 404"]
    assert [line.split(" ", 1)[1] for line in service.log.read_text().splitlines()] == service.asked


def test_two_instances_share_nothing():
    one, two = (new_instance(2, legacy=False) for _ in range(2))
    for name in ("id", "hostname", "token", "mac"):
        assert getattr(one, name) != getattr(two, name)
    assert one.key.public != two.key.public
