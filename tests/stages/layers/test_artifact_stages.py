"""export, audit, seal and register: real qemu-img and catalog, files as they are found afterwards."""

import hashlib
import json
import re
import time

import pytest

from goldsmith.artifact import qemuimg
from goldsmith.artifact.manifest import read
from goldsmith.catalog.entry import Query
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.main import run
from goldsmith.errors import GateError, GoldsmithError, HostError
from goldsmith.events import PhaseStarted, Progress
from goldsmith.host.process import LocalHost
from goldsmith.plan.stage import Entry
from goldsmith.promote.attach import kept
from goldsmith.promote.decide import revocation
from goldsmith.promote.embedded import EmbeddedDesk
from goldsmith.recipe.model import Export as Wanted
from goldsmith.recipe.model import Recipe
from goldsmith.stages.audit import Audit
from goldsmith.stages.described import computed_properties, promised
from goldsmith.stages.export import Export
from goldsmith.stages.exported import exported
from goldsmith.stages.register import Register, image_is_gone, registered
from goldsmith.stages.seal import Seal

QCOW2 = {"format": "qcow2", "compression": "zlib"}


def wanted(*formats):
    return [Wanted.model_validate(one) for one in formats]


def recipe(**changes):
    facts = {
        "name": "r",
        "family": "demo",
        "os": "debian12",
        "media": {"iso": "x"},
        "catalog": {"name": "r-{{ version }}", "properties": {"release": "{{ version }}"}, "tags": ["t"]},
    }
    return Recipe.model_validate({**facts, **changes})


def export(bench, disk, *formats):
    return bench.run(Export(wanted=wanted(*(formats or (QCOW2,)))), disk)


def test_an_export_is_flat_compressed_read_only_and_has_the_digests_that_are_noted(bench, disk):
    entry = export(bench, disk)
    (image,) = exported(entry)
    facts = qemuimg.info(LocalHost(), image.path, "qcow2")
    assert facts.alone
    assert image.virtual_size == facts.virtual_size == 4 << 20
    assert image.digests.sha256 == hashlib.sha256(image.path.read_bytes()).hexdigest()
    assert image.digests.size == image.path.stat().st_size < 1_000_000
    assert image.path.stat().st_mode & 0o777 == 0o444
    assert {one.phase for one in bench.events if isinstance(one, PhaseStarted)} == {
        "writing qcow2",
        "reading its digests",
    }
    assert [one.unit for one in bench.events if isinstance(one, Progress)][:1] == ["%"]


def test_each_wanted_format_becomes_a_file_also_two_of_the_same(bench, disk):
    entry = export(
        bench, disk, QCOW2, {"format": "raw", "compression": "none"}, {**QCOW2, "compression": "zstd"}
    )
    assert [one.path.name for one in exported(entry)] == ["image.qcow2", "image.raw", "image-zstd.qcow2"]
    assert [one.named("r") for one in exported(entry)] == ["r.qcow2", "r.raw", "r-zstd.qcow2"]


def test_an_export_without_room_is_refused_before_it_starts(bench, disk, fake_tool):
    fake_tool("qemu-img", 'echo \'{"required": 9007199254740992, "fully-allocated": 1}\'')
    with pytest.raises(HostError, match="the export of the finished image needs 8192 TiB"):
        export(bench, disk)


def audit(**changes):
    facts = {
        "profile": "debian",
        "distro": "debian",
        "major": 12,
        "firmware": "bios",
        "growroot": False,
        "windows": None,
        "waivers": {},
        "checks": "c",
        "secrets": lambda: [],
        "secret_digests": [],
    }
    return Audit(**{**facts, **changes})


def test_an_image_that_refers_to_other_files_is_refused_at_the_gate_and_its_report_is_kept(bench, disk):
    export(bench, disk)
    entry = bench.results["export"]
    noted = json.loads((entry.folder / "export.json").read_text())
    qemuimg.create_overlay(LocalHost(), disk, entry.folder / "bad.qcow2", relative=True)
    noted["images"][0]["file"] = "bad.qcow2"
    (entry.folder / "export.json").write_text(json.dumps(noted))
    with pytest.raises(GateError):
        bench.run(audit())
    report = json.loads((bench.folder / "audit.json").read_text())
    assert "failed" in {one["status"] for one in report["checks"]}


# A guestfish that answers its first question only after the file beside it was exported: the two run side by side.
SLOW_GUESTFISH = r"""
bash -c '
while IFS= read -r line; do
  for tenth in $(seq 300); do [ -e "$0" ] && break; sleep 0.1; done
  case "${line#-}" in quit) exit 0 ;; esac
  eval "printf %s \"\" | cat ${line#*| cat }"
done < "$6"' "FOLDER/image.qcow2" "$@"
"""


def test_the_audit_looks_into_the_disk_while_it_is_exported_and_the_file_is_compared(bench, disk, fake_tool):
    works = [bench.work(Export(wanted=wanted(QCOW2)), disk)]
    works.append(bench.work(audit()))
    tool = fake_tool("guestfish", SLOW_GUESTFISH.replace("FOLDER", str(works[0].folder)))
    with pytest.raises(GateError, match="operating system"):
        works[0].stage.run_together(works, bench.context())
    (call,) = tool.calls
    assert str(disk) in call
    assert set(bench.results) == {"export"}  # it is kept, whatever the audit says
    assert {one.phase for one in bench.events if isinstance(one, PhaseStarted)} >= {"writing qcow2"}
    assert "qemu-img compare" in bench.log
    report = json.loads((bench.folder / "audit.json").read_text())
    assert report["image"].endswith("image.qcow2")


def test_a_file_that_is_not_the_disk_that_was_looked_into_ends_the_export_and_the_look(
    bench, disk, fake_tool, tool_on_path
):
    works = [bench.work(Export(wanted=wanted(QCOW2)), disk)]
    works.append(bench.work(audit()))
    fake_tool("guestfish", "exec sleep 60")
    tool_on_path("qemu-img").rename(bench.state.parent / "bin" / "real-qemu-img")
    fake_tool("qemu-img", 'case $1 in compare) exit 1 ;; esac; exec "$BIN/real-qemu-img" "$@"')
    started = time.monotonic()
    with pytest.raises(GoldsmithError, match="does not hold the same disk"):
        works[0].stage.run_together(works, bench.context())
    assert time.monotonic() - started < 30
    assert not bench.results


def test_an_export_from_the_store_is_audited_by_a_look_of_its_own(bench, disk, fake_tool):
    export(bench, disk)
    work = bench.work(audit())
    tool = fake_tool(
        "guestfish",
        SLOW_GUESTFISH.replace("FOLDER", str(bench.results["export"].folder)),
    )
    with pytest.raises(GateError):
        work.stage.run_together([work], bench.context())
    (call,) = tool.calls
    assert str(exported(bench.results["export"])[0].path) in call


def test_waivers_profile_checks_and_secrets_are_part_of_the_key_of_an_audit():
    base = audit().inputs()
    for changes in (
        {"profile": "rhel7"},
        {"waivers": {"a": "b"}},
        {"checks": "other"},
        {"secret_digests": ["00ff"]},
    ):
        assert audit(**changes).inputs() != base


def test_the_key_of_an_audit_does_not_ask_for_the_secrets():
    def never():
        raise AssertionError("revealed")

    assert audit(secrets=never, secret_digests=["00ff"]).inputs()["secrets"] == ["00ff"]


@pytest.fixture
def audited(bench, disk):
    export(bench, disk)
    work = bench.work(audit())
    report = {"profile": "debian", "checks": [{"status": one} for one in ("ok", "ok", "warning", "waived")]}
    (work.folder / "audit.json").write_text(json.dumps(report))
    work.commit()
    fetched = bench.store.begin("f" * 64)
    (fetched / "medium.json").write_text('{"location": "http://mirror/os/", "sha256": "", "size": null}')
    bench.results["fetch"] = bench.store.commit(
        "f" * 64, stage="fetch", recipe="r", parent="", inputs={}, seconds=1.0
    )
    return bench


def test_the_manifest_names_files_stages_and_what_came_from_the_store(audited):
    entry = audited.run(Seal(recipe=recipe(), reused=lambda stage: stage == "export"))
    manifest = json.loads((entry.folder / "manifest.json").read_text())
    (file,) = manifest["files"]
    assert file["name"] == "r.qcow2"
    assert file["sha256"] == exported(audited.results["export"])[0].digests.sha256
    assert {one["name"]: one["cached"] for one in manifest["stages"]} == {
        "export": True,
        "audit": False,
        "fetch": False,
    }
    assert manifest["audit"]["passed"] == 2
    assert manifest["recipe"]["commit"] is None, "there is no git on PATH"
    assert (audited.folder / "manifest.json").read_text() == (entry.folder / "manifest.json").read_text()


def test_no_manifest_is_written_that_lacks_its_media(audited):
    del audited.results["fetch"]
    with pytest.raises(HostError, match=r"noted of the medium is not in the store(.|\n)*--from fetch"):
        audited.run(Seal(recipe=recipe(), reused=bool))
    assert not (audited.folder / "manifest.json").exists()


def test_a_manifest_has_the_digests_of_all_media_and_of_the_answer_files(audited, tmp_path):
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    (fetched / "entry.json").write_text('{"seconds": 1}')
    drivers = {"location": "/media/virtio.iso", "sha256": "bb"}
    noted = {"location": "/media/w.iso", "sha256": "aa", "size": 7, "further": {"drivers": drivers}}
    (fetched / "medium.json").write_text(json.dumps(noted))
    audited.results["fetch"] = Entry("f", fetched)
    answers = audited.folder / "rendered" / "answers"
    answers.mkdir(parents=True)
    (answers / "Autounattend.xml").write_text("<unattend/>")
    (answers.parent / "ks.cfg").write_text("text\n")
    manifest = read((audited.run(Seal(recipe=recipe(), reused=bool))).folder / "manifest.json")
    assert [(one.name, one.sha256, one.size) for one in manifest.media] == [
        ("w.iso", "aa", 7),
        ("virtio.iso", "bb", None),
    ]
    assert {one.name: one.sha256 for one in manifest.rendered} == {
        "answers/Autounattend.xml": hashlib.sha256(b"<unattend/>").hexdigest(),
        "ks.cfg": hashlib.sha256(b"text\n").hexdigest(),
    }


def test_a_manifest_names_the_commit_of_the_recipe_and_whether_it_was_changed(audited, fake_tool):
    fake_tool("git", 'case "$*" in *rev-parse*) echo abc123;; *status*) echo " M r.yaml";; esac')
    entry = audited.run(Seal(recipe=recipe(), reused=lambda stage: False))
    assert json.loads((entry.folder / "manifest.json").read_text())["recipe"]["commit"] == "abc123-dirty"


def test_a_folder_without_commits_has_none(audited, fake_tool):
    fake_tool("git", "exit 1")
    entry = audited.run(Seal(recipe=recipe(), reused=lambda stage: False))
    assert json.loads((entry.folder / "manifest.json").read_text())["recipe"]["commit"] is None


def test_the_digest_of_a_recipe_changes_with_it_and_holds_secrets_by_reference_only(monkeypatch):
    monkeypatch.setenv("KEY", "one")
    assert recipe().digest == recipe().digest
    assert recipe().digest != recipe(summary="other").digest


def register(bench, **changes):
    made = recipe(**changes)
    return bench.run(Register(recipe=made, properties={"os_distro": "debian"}, least_ram=512))


def test_an_image_is_registered_with_its_digests_version_and_properties(bench, disk):
    export(bench, disk)
    entry = register(bench)
    (image,) = registered(entry.folder)
    assert image["status"] == "active"
    assert re.fullmatch(r"r-\d{8}\.1", image["name"])
    assert image["release"] == image["goldsmith_version"] == image["name"].removeprefix("r-")
    assert image["os_distro"] == "debian"
    assert image["goldsmith_build"] == "b1"
    assert image["goldsmith_recipe_digest"] == recipe().digest
    assert image["goldsmith_sha256"] == exported(bench.results["export"])[0].digests.sha256
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", image["image_build_date"])
    assert image["min_disk"] == 1
    assert image["tags"] == ["t"]
    assert LocalCatalog(bench.state / "catalog").get(image["id"]).name == image["name"]


def test_all_formats_of_a_build_are_one_version_and_the_next_build_has_the_next_number(bench, disk):
    export(bench, disk, QCOW2, {**QCOW2, "compression": "zstd"})
    register(bench)
    entry = register(bench)
    images = registered(entry.folder)
    assert [one["name"].partition(".")[2] for one in images] == ["2", "2"]
    assert len({one["id"] for one in images}) == 2


def test_a_registered_version_is_in_the_first_channel_with_what_was_found_out_about_it(audited, bench):
    audited.run(Seal(recipe=recipe(), reused=lambda stage: False))
    entry = register(audited)
    (image,) = registered(entry.folder)
    assert image["goldsmith_channel_dev"] == "r"
    kinds = {one.kind: one for one in kept(LocalCatalog(bench.state / "catalog"), image["id"])}
    assert set(kinds) == {"audit", "manifest"}
    assert kinds["audit"].passed
    assert kinds["audit"].summary == "2 ok, 1 waived, 1 warning"
    document = bench.state / "catalog" / "evidence" / kinds["audit"].sha256[:2] / kinds["audit"].sha256
    assert json.loads(document.read_text())["profile"] == "debian"


def test_a_revoked_version_that_is_built_once_more_is_not_registered_again(bench, disk):
    export(bench, disk)
    work = bench.work(Register(recipe=recipe(), properties={}, least_ram=512))
    work.stage.run(work, bench.context())
    catalog = LocalCatalog(bench.state / "catalog")
    (image,) = catalog.list(Query())
    version = image.properties["goldsmith_version"]
    desk = EmbeddedDesk(catalog, work.stage.channels, "carol")
    desk.act("r", lambda facts: revocation(facts, version, reason="it does not boot"))
    of_another_key = bench.work(Register(recipe=recipe(), properties={"os_type": "linux"}, least_ram=512))
    for again in (work, of_another_key):
        with pytest.raises(
            GateError, match=f"this is r@{version} once more, which carol revoked: it does not b"
        ):
            again.stage.run(again, bench.context())
    assert [one.status for one in catalog.list(Query(hidden=True))] == ["deactivated"]


def test_an_entry_whose_image_was_deleted_is_known_to_be_gone(bench, disk):
    export(bench, disk)
    entry = register(bench)
    catalog = bench.state / "catalog"
    assert not image_is_gone(entry.folder, catalog)
    assert not image_is_gone(bench.results["export"].folder, catalog), "other stages have no image"
    (image,) = registered(entry.folder)
    assert run(["--state", str(bench.state), "image", "delete", str(image["id"])]) == 0
    assert image_is_gone(entry.folder, catalog)


def test_properties_follow_from_the_recipe_and_the_family():
    found = computed_properties(
        recipe(os="rhel7.9"), {"os_type": "linux"}, os_distro="rhel", admin="cloud-user"
    )
    assert found["os_version"] == "7.9"
    assert (found["hw_disk_bus"], found["hw_firmware_type"], found["architecture"]) == (
        "virtio",
        "bios",
        "x86_64",
    )
    assert (found["os_type"], found["os_admin_user"]) == ("linux", "cloud-user")


SCS_MANDATORY = (
    "architecture os_version os_distro hw_disk_bus image_source image_description image_original_user "
    "replace_frequency provided_until uuid_validity"
)


def test_the_mandatory_properties_of_the_scs_standard_need_not_be_said():
    found = computed_properties(recipe(os="rhel7.9"), {}, os_distro="rhel", admin="cloud-user")
    assert [one for one in SCS_MANDATORY.split() if not found.get(one)] == []
    assert found["image_description"] == "Built from the recipe r"
    assert found["replace_frequency"] == "never", (
        "its name holds the version, so it never means another image"
    )


def test_what_a_recipe_promises_of_upkeep_is_what_the_image_says(bench, disk):
    export(bench, disk)
    upkeep = {"replace_frequency": "monthly", "hotfix_hours": 48, "vendor": "acme", "uuid_validity": "last-3"}
    made = recipe(
        catalog={"name": "Debian 12", "upkeep": upkeep, "description": "of {{ version }}", "tags": ["t"]}
    )
    properties = computed_properties(made, {}, os_distro="debian", admin="debian")
    entry = bench.run(Register(recipe=made, properties=properties, least_ram=512))
    (image,) = registered(entry.folder)
    said = {
        one: image[one]
        for one in ("replace_frequency", "hotfix_hours", "uuid_validity", "image_original_user")
    }
    assert said == {
        "replace_frequency": "monthly",
        "hotfix_hours": "48",
        "uuid_validity": "last-3",
        "image_original_user": "debian",
    }
    assert image["tags"] == ["managed_by_acme", "t"]
    assert image["image_description"] == f"of {image['goldsmith_version']}"


def test_libosinfo_is_told_beside_the_distribution_and_os_name_to_those_who_ask():
    plain = computed_properties(recipe(os="rhel7.9"), {}, os_distro="rhel", admin="a", machine_type="q35")
    assert (plain["os_distro"], plain["libosinfo_short_id"], plain["hw_machine_type"]) == (
        "rhel",
        "rhel7.9",
        "q35",
    )
    assert "os_name" not in plain
    asked = computed_properties(
        recipe(os="rhel7.2", catalog={"os_name": True}), {}, os_distro="rhel", admin="a"
    )
    assert asked["os_name"] == "rhel7.2"


@pytest.mark.parametrize(
    ("own", "quiesce"),
    [
        ({}, "yes"),
        ({"hw_qemu_guest_agent": "no"}, None),
        ({"os_require_quiesce": "no"}, "no"),
    ],
)
def test_a_snapshot_is_to_be_quiet_where_an_agent_answers(own, quiesce):
    made = recipe(catalog={"properties": own})
    assert promised(made, {"hw_qemu_guest_agent": "yes"}, "1").get("os_require_quiesce") == quiesce


def test_a_vmdk_says_what_kind_of_disk_it_is(bench, disk):
    export(bench, disk, {"format": "vmdk", "compression": "zlib"}, {"format": "raw", "compression": "none"})
    vmdk, raw = registered(register(bench).folder)
    assert (vmdk["vmware_disktype"], vmdk["vmware_adaptertype"]) == ("streamOptimized", "lsilogic")
    assert "vmware_disktype" not in raw
