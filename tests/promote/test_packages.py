"""Versions of packages, compared as the real rpm and dpkg compare them."""

import itertools
import json
import random
import subprocess

import pytest

from goldsmith.promote.packages import Package, downgraded, older, packages

PLAIN = [
    "1",
    "1.0",
    "1.0.1",
    "1.10",
    "1.9",
    "1.0a",
    "1.0b",
    "1.0~rc1",
    "1.0~rc2",
    "2",
    "10",
    "1.0.0",
    "1a",
    "a",
]
RPM = [*PLAIN, "1.0^git1", "1.0^git1~x", "1.0^", "1.0^git2", "5.14.0", "5.14", "0.7.5", "fc4", "a10", "a9"]
DEB = [
    *PLAIN,
    "1.0+dfsg",
    "1.0+dfsg1",
    "1.0~",
    "1.0~~",
    "1.0~~a",
    "1.0.",
    "9.0p1",
    "9.0",
    "1.0+b1",
    "2.31+git",
]


def made(signs, count, seed):
    chosen = random.Random(seed)
    return ["1" + "".join(chosen.choice(signs) for _ in range(chosen.randint(0, 5))) for _ in range(count)]


def test_versions_are_ordered_as_rpm_orders_them(tool_on_path):
    rpm = tool_on_path("rpm")
    pairs = list(itertools.combinations([*RPM, *made("019ab.~^", 30, 7)], 2))
    calls = " ".join(f"%{{lua:print(rpm.vercmp('{one}','{other}'))}}" for one, other in pairs)
    said = subprocess.run([rpm, "--eval", calls], capture_output=True, text=True, check=True).stdout.split()
    assert len(said) == len(pairs)
    for (one, other), result in zip(pairs, said, strict=True):
        assert older("rpm", one, other) == (result == "-1"), (one, other, result)
        assert older("rpm", other, one) == (result == "1"), (one, other, result)


def test_versions_are_ordered_as_dpkg_orders_them(tool_on_path):
    dpkg = tool_on_path("dpkg")
    pairs = random.Random(3).sample(list(itertools.permutations([*DEB, *made("019az.~+", 20, 9)], 2)), 150)
    for one, other in pairs:
        real = subprocess.run([dpkg, "--compare-versions", one, "lt", other], check=False).returncode == 0
        assert older("deb", one, other) == real, (one, other)


@pytest.mark.parametrize(
    ("one", "other"), [("1:1.0-1", "2:0.1-1"), ("5.0-1", "1:0.1-1"), ("1.0-1.el7", "1.0-2.el7")]
)
def test_the_epoch_weighs_most_and_the_release_least(one, other):
    for kind in ("rpm", "deb"):
        assert older(kind, one, other)
        assert not older(kind, other, one)
        assert not older(kind, one, one)


def test_packages_are_read_from_both_kinds_of_sbom():
    purl = "pkg:rpm/redhat/kernel@3.10.0-1160.el7?arch=x86_64&epoch=1&distro=rhel-7.9"
    deb = "pkg:deb/debian/libc%2B%2B@1%3A2.31-13?arch=amd64"
    expected = {
        Package("rpm", "kernel", "x86_64", "1:3.10.0-1160.el7"),
        Package("deb", "libc++", "amd64", "1:2.31-13"),
    }
    cyclonedx = {"components": [{"purl": purl}, {"purl": deb}, {"name": "a file"}, {"purl": "pkg:pypi/x@1"}]}
    spdx = {
        "packages": [
            {"externalRefs": [{"referenceType": "purl", "referenceLocator": one}]} for one in (purl, deb)
        ]
    }
    assert packages(json.dumps(cyclonedx).encode()) == packages(json.dumps(spdx).encode()) == expected


def test_of_several_kernels_the_newest_counts():
    def kernels(*versions):
        return frozenset(Package("rpm", "kernel", "x86_64", one) for one in versions)

    assert downgraded(kernels("3-1", "3-9"), kernels("3-10")) == []
    assert downgraded(kernels("3-1", "3-9"), kernels("3-1", "3-2")) == [("kernel", "3-9", "3-2")]
