"""What the metadata service of OpenStack says of an instance: Nova's own tree and the one of EC2, as values."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from goldsmith.boottest.seed import KEY_NAME, Instance, metadata_of, user_data_of

JSON, TEXT, BYTES = "application/json", "text/plain; charset=UTF-8", "application/octet-stream"
OPENSTACK = (
    *("2012-08-10", "2013-04-04", "2013-10-17", "2015-10-15", "2016-06-30", "2016-10-06", "2017-02-22"),
    *("2018-08-27", "2020-10-14", "latest"),
)
EC2 = (
    *(
        "1.0",
        "2007-01-19",
        "2007-03-01",
        "2007-08-29",
        "2007-10-10",
        "2007-12-15",
        "2008-02-01",
        "2008-09-01",
    ),
    *("2009-04-04", "latest"),
)
ADDRESS = "172.16.0.15"  # of the guest, on the network that QEMU makes for it
PASSWORD = "password"  # what a Windows guest posts there is encrypted with its own key


@dataclass(frozen=True)
class Document:
    """What one path answers with."""

    kind: str
    body: bytes


Tree = Mapping[str, "Tree | Document"]


def answered_paths(instance: Instance, *, windows: bool) -> Mapping[str, Document]:
    """Return every path, without a slash at its end, and its answer; "" is the root. Nova says 404 to all others."""
    user_data = "" if windows else user_data_of(instance)
    openstack = {one: _openstack(instance, user_data) for one in OPENSTACK}
    tree: dict[str, Tree | Document] = {one: _ec2(instance, user_data) for one in EC2}
    paths = dict(_walk({**tree, "openstack": openstack}, ""))
    paths[""] = _text("\n".join(EC2))
    paths["openstack"] = _text("\n".join(OPENSTACK))
    for version in EC2:
        paths[f"{version}/meta-data/public-keys"] = _text(f"0={KEY_NAME}")
    return paths


def _openstack(instance: Instance, user_data: str) -> Tree:
    documents = {
        "meta_data.json": _json(metadata_of(instance)),
        "network_data.json": _json(_network(instance)),
        "vendor_data.json": _json({}),
        "vendor_data2.json": _json({"static": {}}),
        PASSWORD: _text(""),
    }
    return documents | ({"user_data": Document(BYTES, user_data.encode())} if user_data else {})


def _network(instance: Instance) -> Mapping[str, object]:
    """Return one card with DHCP; cloud-init knows it by its hardware address."""
    link, network = "tap0", "network0"
    return {
        "links": [
            {
                "id": link,
                "vif_id": instance.id,
                "type": "bridge",
                "mtu": 1500,
                "ethernet_mac_address": instance.mac,
            }
        ],
        "networks": [{"id": network, "link": link, "type": "ipv4_dhcp", "network_id": instance.id}],
        "services": [],
    }


def _ec2(instance: Instance, user_data: str) -> Tree:
    short = instance.id.replace("-", "")[:8]
    facts: dict[str, Tree | Document] = {
        "ami-id": _text(f"ami-{short}"),
        "ami-launch-index": _text("0"),
        "ami-manifest-path": _text("none"),
        "block-device-mapping": {"ami": _text("vda"), "root": _text("/dev/vda")},
        "hostname": _text(instance.hostname),
        "instance-action": _text("none"),
        "instance-id": _text(f"i-{short}"),
        "instance-type": _text("goldsmith.boot-test"),
        "local-hostname": _text(instance.hostname),
        "local-ipv4": _text(ADDRESS),
        "placement": {"availability-zone": _text("nova")},
        "public-hostname": _text(instance.hostname),
        "public-ipv4": _text(""),
        "public-keys": {"0": {"openssh-key": _text(instance.key.public)}},
        "reservation-id": _text(f"r-{short}"),
        "security-groups": _text("default"),
    }
    return {"meta-data": facts} | ({"user-data": Document(BYTES, user_data.encode())} if user_data else {})


def _walk(tree: Tree, at: str) -> Iterator[tuple[str, Document]]:
    """Yield what is below a folder, and its own list, in which folders end with a slash."""
    yield (
        at,
        _text(
            "\n".join(sorted(f"{name}/" if isinstance(one, Mapping) else name for name, one in tree.items()))
        ),
    )
    for name, one in tree.items():
        path = f"{at}/{name}".lstrip("/")
        if isinstance(one, Mapping):
            yield from _walk(one, path)
        else:
            yield path, one


def _json(value: object) -> Document:
    return Document(JSON, json.dumps(value).encode())


def _text(text: str) -> Document:
    return Document(TEXT, text.encode())
