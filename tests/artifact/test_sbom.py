"""Bills of materials, read back as others read them."""

import json

import pytest

from goldsmith.artifact import sbom
from goldsmith.artifact.inventory import EtcFile, Inventory, Package, User, parse
from goldsmith.artifact.licences import expression
from goldsmith.artifact.manifest import ImageFile
from goldsmith.artifact.sbom import CYCLONEDX, SPDX, Subject, bill, checked
from goldsmith.catalog.evidence import judge
from goldsmith.errors import CatalogError
from goldsmith.promote.packages import Package as Compared
from goldsmith.promote.packages import packages

HELD = Inventory(
    product="Red Hat Enterprise Linux Server 7.9",
    distro="rhel",
    release="7.9",
    arch="x86_64",
    packages=(
        Package(
            "rpm",
            "bash",
            "4.2.46-34.el7",
            "x86_64",
            "bash",
            "GPLv3+",
            "Red Hat, Inc.",
            "http://gnu.org/s/bash",
        ),
        Package("rpm", "bind-libs", "32:9.11.4-26.P2.el7", "x86_64", "bind", "MPLv2.0", "Red Hat, Inc."),
        Package(
            "rpm",
            "kernel",
            "3.10.0-1160.el7",
            "x86_64",
            "kernel",
            "GPLv2 and Redistributable, no modification",
        ),
        Package("rpm", "kernel", "3.10.0-957.el7", "x86_64", "kernel", "GPLv2", url="not a url"),
    ),
    users=(User("root", 0, 0, "/root", "/bin/bash", "locked"),),
    groups={"wheel": ("cloud-user",)},
    services={"sshd.service": "multi-user.target"},
    kernel="vmlinuz-3.10.0-1160.el7.x86_64",
    arguments=("ro", "console=ttyS0"),
    etc={"/etc/motd": EtcFile("f", "0644", 0, 0, "ab" * 32)},
)
IMAGE = ImageFile("rhel7.qcow2", "qcow2", 5, 9, "a" * 32, "b" * 64, "c" * 128)
OTHER = ImageFile("rhel7.vmdk", "vmdk", 6, 9, "d" * 32, "e" * 64, "f" * 128)
SUBJECT = Subject("rhel7", (IMAGE, OTHER), 1769817600.5)


@pytest.mark.parametrize("kind", [CYCLONEDX, SPDX])
def test_a_bill_is_sound_by_the_library_of_its_format_and_names_packages_and_bytes(kind):
    content = bill(kind, HELD, SUBJECT)
    assert checked(kind, content) == ()
    assert packages(content) == {
        Compared("rpm", "bash", "x86_64", "4.2.46-34.el7"),
        Compared("rpm", "bind-libs", "x86_64", "32:9.11.4-26.P2.el7"),
        Compared("rpm", "kernel", "x86_64", "3.10.0-1160.el7"),
        Compared("rpm", "kernel", "x86_64", "3.10.0-957.el7"),
    }
    assert judge("sbom", content)[0]
    for one in (IMAGE.sha256, IMAGE.sha512, OTHER.sha256):
        assert one in content.decode()


@pytest.mark.parametrize("kind", [CYCLONEDX, SPDX])
def test_the_same_image_has_the_same_bill_but_for_its_time(kind):
    first, again = bill(kind, HELD, SUBJECT), bill(kind, HELD, SUBJECT)
    later = bill(kind, HELD, Subject("rhel7", (IMAGE, OTHER), 1769817700))
    assert first == again
    assert first.replace(b"2026-01-31T00:00:00", b"2026-01-31T00:01:40") == later
    assert bill(kind, HELD, Subject("rhel7", (OTHER,), 1769817600.5)) != first


@pytest.mark.parametrize(
    ("kind", "spoil", "told"),
    [
        (CYCLONEDX, lambda it: it["components"][1].pop("name"), "'name' is a required property"),
        (CYCLONEDX, lambda it: it["components"].append(it["components"][0]), "non-unique"),
        (SPDX, lambda it: it["packages"][1].update(SPDXID="no id"), "spdx_id must"),
        (SPDX, lambda it: it.pop("SPDXID"), "spdx_id"),
    ],
)
def test_what_is_no_sound_bill_is_told(kind, spoil, told):
    document = json.loads(bill(kind, HELD, SUBJECT))
    spoil(document)
    assert told in " ".join(checked(kind, json.dumps(document).encode()))


def test_text_that_is_no_bill_is_told():
    for kind in (CYCLONEDX, SPDX):
        assert checked(kind, b"{")[0].startswith("it cannot be read")


def test_licences_are_told_in_the_words_of_spdx_where_they_are_known_for_certain():
    assert expression("GPLv2+ and (LGPLv2+ or MIT)") == "GPL-2.0-or-later AND (LGPL-2.0-or-later OR MIT)"
    assert expression("ASL 2.0") == "Apache-2.0"
    assert expression("MPLv2.0") == "MPL-2.0"
    for unknown in ("BSD", "GPLv2 and Redistributable", "", "MIT and", "(MIT", "MIT MIT"):
        assert expression(unknown) == ""


def test_a_package_url_is_as_its_specification_says():
    told = [sbom.package_url(one, HELD) for one in HELD.packages[:2]]
    assert told == [
        "pkg:rpm/redhat/bash@4.2.46-34.el7?arch=x86_64&distro=rhel-7.9",
        "pkg:rpm/redhat/bind-libs@9.11.4-26.P2.el7?arch=x86_64&distro=rhel-7.9&epoch=32&upstream=bind",
    ]
    windows = Package("windows", "KB5031364", "17763.4974.1.12", "amd64", vendor="Microsoft Corporation")
    assert sbom.package_url(windows, HELD) == "pkg:generic/microsoft/KB5031364@17763.4974.1.12?arch=amd64"


def test_an_inventory_comes_back_as_it_was_written():
    assert parse(HELD.text()) == HELD
    assert judge("inventory", HELD.text().encode()) == (True, "4 packages, 1 files in /etc")
    with pytest.raises(CatalogError, match=r"inventory\.json is no inventory"):
        parse("{}")
