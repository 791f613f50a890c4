"""Who an instance is, and its config drive: what Nova would give it."""

import base64
import json
import secrets
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from goldsmith.host.process import Host

if TYPE_CHECKING:
    from goldsmith.host.shell import KeyPair

LABEL = "config-2"
KEY_NAME = "goldsmith"
TOKEN_PATH = "/var/tmp/goldsmith-boot-test"


class Source(StrEnum):
    """Where an instance gets its metadata from."""

    DRIVE = "config drive"
    SERVICE = "metadata service"


@dataclass(frozen=True)
class Instance:
    """One instance of the image; ``token`` is what its user data ask it to write into a file."""

    number: int
    id: str
    hostname: str
    token: str
    key: "KeyPair"
    source: Source = Source.DRIVE
    mac: str = "fa:16:3e:00:00:00"  # of its card, with the prefix that Neutron takes


def new_instance(number: int, *, legacy: bool, source: Source = Source.DRIVE) -> Instance:
    """Return an instance with an id, a name and a key that no other has had. Windows takes 15 characters of a name."""
    from goldsmith.host.shell import new_key_pair

    return Instance(
        number=number,
        id=str(uuid.uuid4()),
        hostname=f"boot{number}-{secrets.token_hex(3)}",
        token=secrets.token_hex(8),
        key=new_key_pair("rsa" if legacy else "ecdsa"),
        source=source,
        mac="fa:16:3e:" + secrets.token_bytes(3).hex(":"),
    )


def metadata_of(instance: Instance) -> dict[str, object]:
    """Return its meta_data.json."""
    return {
        "uuid": instance.id,
        "name": instance.hostname,
        "hostname": instance.hostname,
        "launch_index": 0,
        "availability_zone": "nova",
        "public_keys": {KEY_NAME: instance.key.public},
        "random_seed": base64.b64encode(secrets.token_bytes(512)).decode(),
        "meta": {},
    }


def user_data_of(instance: Instance) -> str:
    """Return its user data; JSON is YAML, so no value needs quoting."""
    data = {"write_files": [{"path": TOKEN_PATH, "content": instance.token + "\n"}]}
    return "#cloud-config\n" + json.dumps(data) + "\n"


def seed_files(instance: Instance, *, windows: bool) -> dict[str, str]:
    """Return the files of the drive.

    Without network_data.json the guest does what it does by itself, which is to be DHCP.
    """
    files = {"openstack/latest/meta_data.json": json.dumps(metadata_of(instance)) + "\n"}
    if not windows:
        files["openstack/latest/user_data"] = user_data_of(instance)
    return files


def write_drive(host: Host, instance: Instance, folder: Path, *, windows: bool) -> Path:
    """Make the drive as an ISO in ``folder``.

    It holds no secret: the private key stays in this process, and beside a guest that is kept.
    """
    tree, drive = folder / f"drive-{instance.number}", folder / f"drive-{instance.number}.iso"
    for name, text in seed_files(instance, windows=windows).items():
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    host.run("xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-V", LABEL, "-o", drive, tree)
    return drive
