"""The demo image from its first channel to its end, by commands alone: in the embedded catalog, and in a real Glance.

The versions are builds of one recipe that differ in what the catalog is told of them, so that each takes seconds. Their
stage boot-test comes from the store: a self-test has made it of the same bytes.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import glance_server
import nova_server
import pytest

from .conftest import Finished, Goldsmith, a_project

pytestmark = pytest.mark.real

SIGNING = "signing: {key: keys/sign.key, certificate: keys/sign.crt}\n"
PROJECT = """\
catalogs: {cloud: {cloud: journey}}
channels:
  - name: dev
  - name: candidate
    gates: {audit: true, boot_test: true, signature: SIGNED, age: 1 s}
  - name: released
    gates:
      audit: true
      boot_test: true
      signature: SIGNED
      age: 1 s
      approvals: {count: 1, not_the_promoter: true, by: [ann, bob]}
      size_growth: {percent: 10}
    protected: true
    hide_left: true
retention: {keep: 0, keep_days: 0, keep_released: 1, grace: 0 s}
"""
BOOTED = "boot_test: {enabled: true}\n"
KEYS = ("--key", "keys/sign.key", "--certificate", "keys/sign.crt", "--name", "Release engineering")


@dataclass
class Road:
    """The commands of a release engineer on one catalog; ``more`` says which."""

    goldsmith: Goldsmith
    recipe: str
    more: tuple[str, ...] = ()

    def __call__(self, *words: str, code: int = 0) -> Finished:
        done = self.goldsmith.run(*words, *self.more)
        print(f"$ goldsmith {' '.join(words)}\n{done.out[:5000]}{done.err}")  # shown when it fails
        assert done.code == code, done.out + done.err
        return done

    def read(self, *words: str, code: int = 0) -> list[dict[str, object]]:
        return json.loads(self(*words, "--json", code=code).out)  # type: ignore[no-any-return]

    def build(self, what: str) -> str:
        """Make a version, booted by its build."""
        recipe = self.goldsmith.project / "recipes" / f"{self.recipe}.yaml"
        recipe.write_text(f"name: {self.recipe}\nextends: demo\n{BOOTED}catalog: {{description: {what}}}\n")
        done = self.goldsmith.build(self.recipe, *self.more)
        assert done.code == 0, done.err
        made = set(done.stages("StageFinished"))
        assert made <= {"seal", "attest", "register", "upload-cloud"}, "the rest is shared"
        assert "boot-test" in done.stages("StageCached")
        version = f"{self.recipe}@{done.end['image']['goldsmith_version']}"
        if self.more:  # what is pushed into a cloud is in no channel there yet
            self("promote", version, "--to", "dev", "--as", "releng")
        return version

    def channels(self) -> dict[str, str | None]:
        rows = self.read("channels", self.recipe)
        return {str(one["channel"]): one["version"] and f"{self.recipe}@{one['version']}" for one in rows}

    def found(self, channel: str) -> list[str]:
        """Return the versions that a consumer finds who asks for the images of a channel."""
        listed = self.read("image", "list", "--channel", channel)
        of_recipe = [one for one in listed if one["goldsmith_recipe"] == self.recipe]
        return [f"{self.recipe}@{one['goldsmith_version']}" for one in of_recipe]

    def released(self, version: str) -> None:
        """Take a version from the first channel to the last, through all gates."""
        self("promote", version, "--to", "candidate", "--as", "carl")
        self("approve", version, "--to", "released", "--as", "ann")
        time.sleep(1)  # the age that it must have
        done = self("promote", self.recipe, "--to", "released", "--as", "carl")
        assert f"{version} promoted: released: " in done.out
        assert "refused" not in done.out


@pytest.fixture(params=["embedded", "glance"])
def road(request, shared_state, selftested, tmp_path) -> Iterator[Road]:
    """Give the commands on the embedded catalog, where images are signed, and on a cloud without a Barbican."""
    assert selftested.code == 0, selftested.err
    project = a_project(tmp_path / "project")
    if request.param == "embedded":
        (project / "keys").mkdir()
        (project / "goldsmith.yaml").write_text(SIGNING + PROJECT.replace("SIGNED", "true"))
        road = Road(Goldsmith(shared_state, project), "walks")
        road("keygen", *KEYS, "--type", "ECC_SECP384R1")
        yield road
        return
    (project / "goldsmith.yaml").write_text(PROJECT.replace("SIGNED", "false"))
    with ExitStack() as stack:
        glance = stack.enter_context(glance_server.running(tmp_path / "glance"))
        nova = stack.enter_context(nova_server.running())
        clouds = tmp_path / "clouds.yaml"
        text = glance.clouds("journey", token="carl:images:member")
        clouds.write_text(f"{text}    compute_endpoint_override: {nova.url}\n")
        env = {"OS_CLIENT_CONFIG_FILE": str(clouds)}
        yield Road(Goldsmith(shared_state, project, env), "flies", ("--catalog", "cloud"))


def test_the_demo_goes_through_all_channels_to_its_end_and_the_history_tells_each_step(road):
    one, two, three = (road.build(what) for what in ("first", "second", "third"))
    assert road.channels() == {"dev": three, "candidate": None, "released": None}

    if not road.more:
        refused = road("promote", two, "--to", "candidate", code=5)
        assert f"{two} is not let into candidate: 1 of 7 gates refuse" in refused.err
        assert "signature: unknown: it is signed, but nobody has verified the signature" in refused.err
        for version in (two, three):
            assert road("verify", version).out.endswith(": good\n")
    early = road("promote", two, "--to", "released", code=5)
    assert "order: refused: it was never in candidate" in early.err
    assert "approvals: refused: 0 of 1: nobody" in early.err

    road.released(two)
    road.released(three)
    assert road.channels() == {"dev": three, "candidate": three, "released": three}
    assert road.found("released") == [three]

    back = road("rollback", road.recipe, "--channel", "released", "--reason", "it is slow", "--as", "bob")
    number, gone = two.partition("@")[2], three.partition("@")[2]
    assert back.out == f"{two} rolled back: released: {gone} -> {number}\n"
    assert road.found("released") == [two]

    road("revoke", three, "--reason", "CVE-2026-1", "--as", "ann")
    assert road.channels() == dict.fromkeys(("dev", "candidate", "released"), two)
    listed = road.read("image", "list", "--all", "--property", f"goldsmith_version={gone}")
    (bad,) = [one for one in listed if one["goldsmith_recipe"] == road.recipe]
    assert (bad["status"], bad["os_hidden"]) == ("deactivated", True)
    never = road("promote", three, "--to", "candidate", "--force", "--reason", "please", code=5)
    assert "not revoked: refused: revoked by ann: CVE-2026-1" in never.err
    assert "reactivate" not in never.err

    plan = {
        str(row["version"]): (row["fate"], row["why"]) for row in road.read("retire", road.recipe)["versions"]
    }
    assert plan == {
        three: ("delete", "revoked: CVE-2026-1"),
        two: ("keep", "in dev, candidate, released"),
        one: ("hide", "nothing keeps it"),
    }
    done = road("retire", road.recipe, "--apply")
    assert "3 versions; done: 2 steps, " in done.out
    road("retire", one, "--undo")
    for step in ("hidden", "deactivated", "deleted"):
        assert f"{step} now" in road("retire", road.recipe, "--apply").out

    assert told(road) == [
        *(("promoted" if road.more else "registered", version) for version in (one, two, three)),
        *((kind, version) for version in (two, three) for kind in ("promoted", "approved", "promoted")),
        ("rolled back", two),
        ("revoked", three),
        *[("retired", three), ("retired", one)],
        ("restored", one),
        *[("retired", one)] * 3,
    ]
    text = road("history", road.recipe).out
    assert f"bob  rolled back  {number}  released: {gone} -> {number}\n    why: it is slow\n" in text
    assert f"ann  revoked  {gone}  dev: {gone} -> {number}, candidate: {gone} -> {number}\n" in text
    assert road.channels() == dict.fromkeys(("dev", "candidate", "released"), two)


def told(road: Road) -> list[tuple[str, str]]:
    events = road.read("history", road.recipe)
    return [(str(one["kind"]), f"{road.recipe}@{one['version']}") for one in events]


def test_an_image_whose_build_booted_it_tells_so_everywhere_and_the_gate_takes_it(selftested, in_project):
    assert selftested.code == 0, selftested.err
    goldsmith = in_project(booted=BOOTED)
    done = goldsmith.build("booted")
    assert done.code == 0, done.err
    assert "boot-test" in done.stages("StageCached")

    build, image = str(done.end["build"]), done.end["image"]
    report = json.loads(selftested.out)["boot_test"]["report"]
    assert {one["id"] for one in report["checks"] if one["status"] == "ok"} > {"B-L2", "B-L6", "B-L20"}
    written = json.loads((goldsmith.state / "builds" / build / "manifest.json").read_text())["boot_test"]
    assert (written["passed"], written["failed"]) == (report["counts"]["ok"], 0)
    kept = json.loads(goldsmith.run("image", "evidence", str(image["id"]), "--json").out)
    (booted,) = [one for one in kept if one["kind"] == "boot-test"]
    assert (booted["passed"], booted["recorded_by"]) == (True, f"build {build}")
    assert f"\n  boot-test  debian  {written['passed']} ok, " in goldsmith.run("show", build).out
    assert goldsmith.run("report", "--to", str(goldsmith.project / "pages")).code == 0
    page = (goldsmith.project / "pages" / "builds" / f"{build}.html").read_text()
    assert "Boot test" in page
    assert "DataSourceConfigDrive" in page

    promoted = goldsmith.run("promote", f"booted@{image['goldsmith_version']}", "--to", "candidate", "--json")
    assert promoted.code == 0, promoted.err
    told = json.loads(promoted.out)["event"]
    gates = {one["gate"]: (one["answer"], one["detail"]) for one in told["gates"]}
    assert gates["boot test"][0] == "passed"
    assert f"{written['passed']} ok" in gates["boot test"][1]
