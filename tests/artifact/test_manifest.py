import json
import shutil
import subprocess
from dataclasses import asdict, replace
from hashlib import sha256

import pytest

from goldsmith.artifact.manifest import (
    AuditSummary,
    HostFacts,
    ImageFile,
    Manifest,
    Medium,
    RecipeOrigin,
    StageRecord,
    host_facts,
    read,
    seal,
    verify,
)
from goldsmith.errors import GateError, HostError
from goldsmith.host.files import digest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "demo.qcow2").write_bytes(b"disk" * 1000)
    return tmp_path / "images"


@pytest.fixture
def manifest(folder):
    found = asdict(digest(folder / "demo.qcow2"))
    return Manifest(
        goldsmith="0.1.0",
        build="20261123-1805-demo",
        recipe=RecipeOrigin("demo", "ab" * 32, commit="88217ff"),
        host=HostFacts("x86_64", "Debian GNU/Linux 12", "6.1.0", 2, 8 << 30),
        accel="tcg",
        stages=(
            StageRecord("fetch", "9c41", 1.23456, cached=True),
            StageRecord("install", "72be", 60.0, cached=False),
        ),
        files=(ImageFile("demo.qcow2", "qcow2", virtual_size=8 << 30, compression="zlib", **found),),
        media=(Medium("demo.iso", "cd" * 32, 700_000_000),),
        tools={"qemu-img": "7.2.22", "übersetzer": "1.0"},
        audit=AuditSummary("linux", passed=15, failed=0, waived=1),
        created_at="2026-11-23T18:05:00Z",
    )


@pytest.fixture
def sealed(manifest, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_bytes(seal(manifest))
    return path


def test_a_manifest_comes_back_as_it_was_sealed(manifest, sealed):
    first = replace(manifest.stages[0], seconds=1.235)
    assert read(sealed) == replace(manifest, stages=(first, manifest.stages[1]))
    assert seal(read(sealed)) == sealed.read_bytes()


def test_the_same_manifest_gives_the_same_bytes(manifest):
    other = replace(manifest, tools=dict(reversed(manifest.tools.items())))
    assert seal(other) == seal(manifest)
    assert b'"seconds": 60\n' in seal(manifest)


def test_anyone_can_check_the_seal_with_jq(sealed, tool_on_path):
    jq = shutil.which("jq", path="/usr/local/bin:/usr/bin:/bin")
    if jq is None:
        pytest.skip("jq is not installed")
    canonical = subprocess.run([jq, "-S", "del(.seal)", sealed], capture_output=True, check=True).stdout
    assert sha256(canonical).hexdigest() == json.loads(sealed.read_text())["seal"]["value"]


def test_a_changed_manifest_is_refused(sealed):
    sealed.write_text(sealed.read_text().replace('"failed": 0', '"failed": 3'))
    with pytest.raises(GateError, match=r"manifest.json was changed after it was sealed: (.|\n)*fix: take"):
        read(sealed)


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"seal": "x"}', '{"seal": {}}', "null"])
def test_what_is_no_manifest_is_refused(sealed, text):
    sealed.write_text(text)
    with pytest.raises(GateError, match=r"manifest.json is not a sealed manifest"):
        read(sealed)


def test_a_manifest_from_the_future_is_refused(manifest, sealed):
    sealed.write_bytes(seal(replace(manifest, schema=2)))
    with pytest.raises(GateError, match="has manifest schema 2, this Goldsmith knows 1\n  fix: update"):
        read(sealed)


def test_a_manifest_that_is_not_there_is_named(tmp_path):
    with pytest.raises(HostError, match=r"nope\.json: No such file"):
        read(tmp_path / "nope.json")


def test_the_files_are_what_the_manifest_says(manifest, folder):
    heard = []
    assert verify(manifest, folder, on_bytes=heard.append) == ()
    assert sum(heard) == 4000


def test_a_changed_a_missing_and_a_foreign_file_are_told(manifest, folder):
    there = manifest.files[0]
    (folder / "demo.qcow2").write_bytes(b"disc" * 1000)
    foreign = replace(there, name="../manifest.json")
    problems = verify(replace(manifest, files=(there, replace(there, name="gone.raw"), foreign)), folder)
    assert [problem.split(" is ")[0] for problem in problems[:3]] == [
        "demo.qcow2: md5",
        "demo.qcow2: sha256",
        "demo.qcow2: sha512",
    ]
    assert problems[3:] == ("gone.raw is missing", f"../manifest.json lies outside of {folder}")


def test_facts_of_the_host_name_neither_host_nor_user():
    import getpass
    import platform

    facts = host_facts()
    assert facts.cpus >= 1
    assert facts.memory > 1 << 20
    assert platform.node() not in str(facts) or platform.node() in ("", "localhost")
    assert getpass.getuser() not in str(facts)
