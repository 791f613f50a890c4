import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from goldsmith.audit.check import check, good
from goldsmith.audit.facts import System
from goldsmith.audit.junit import junit, write_junit
from goldsmith.audit.report import Report, harmless
from goldsmith.audit.run import answers, profile_of
from goldsmith.audit.tree import Tree
from goldsmith.errors import GateError


def report(guest, waivers=()):
    found = tuple(answers(guest.facts(), dict(waivers)))
    return Report(Path("x.qcow2"), guest.profile, "qcow2", "Debian 12", found, 12.5)


@pytest.fixture
def spoiled(debian):
    return debian.with_files(
        {"/etc/ssh/ssh_host_rsa_key": "k", "/etc/hostname": "builder\n", "/var/log/\x1b[31m.log": "x"}
    )


def test_a_good_image_passes_the_gate(debian):
    assert report(debian).raise_if_failed() is None
    assert report(debian).as_json()["ok"] is True


def test_the_gate_names_each_failed_check_and_its_cure(spoiled):
    with pytest.raises(GateError) as caught:
        report(spoiled).raise_if_failed()
    text = str(caught.value)
    assert f"the audit refused x.qcow2: 2 of {len(report(spoiled).checks)} checks failed" in text
    assert "O-L16 no SSH host keys: /etc/ssh/ssh_host_rsa_key; expected no /etc/ssh/ssh_host_*" in text
    assert "fix: virt-sysprep --operations ssh-hostkeys -a IMAGE" in text
    assert "O-L36 no host name of the build: builder" in text
    assert caught.value.exit_code == 5


def test_a_warning_does_not_stop_the_image(debian):
    warned = report(debian.with_files({"/var/log/x.log": "x"}))
    warned.raise_if_failed()
    assert [one.id for one in warned.warnings] == ["O-L32"]


def test_a_waiver_is_shown_and_lets_the_image_pass(spoiled):
    waived = report(
        spoiled, {"O-L16": "made on purpose", "O-L36": "told by its owner", "O-L25": "not needed"}
    )
    waived.raise_if_failed()
    by_id = {one["id"]: one for one in waived.as_json()["checks"]}
    assert (by_id["O-L16"]["status"], by_id["O-L16"]["waiver"]) == ("waived", "made on purpose")
    assert (by_id["O-L25"]["status"], by_id["O-L25"]["waiver"]) == ("ok", "")


def test_json_keeps_the_promise_and_says_a_fix_only_where_there_is_something_to_do(spoiled):
    document = json.loads(json.dumps(report(spoiled).as_json()))
    assert document["counts"]["failed"] == 2
    for one in document["checks"]:
        assert {"id", "status", "detail", "fix"} <= one.keys()
        assert bool(one["fix"]) == (one["status"] in ("failed", "warning"))


def test_junit_counts_and_draws_every_status(spoiled, tmp_path):
    write_junit(report(spoiled, {"O-L36": "told <so> & more"}), tmp_path / "ci" / "audit.xml")
    suite = ElementTree.parse(tmp_path / "ci" / "audit.xml").getroot().find("testsuite")
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": str(len(list(suite.iter("testcase")))),
        "failures": "1",
        "skipped": "1",
    }
    cases = {case.get("name").split()[0]: case for case in suite.iter("testcase")}
    assert "expected no /etc/ssh/ssh_host_*" in cases["O-L16"].find("failure").get("message")
    assert "waived: told <so> & more (builder; expected" in cases["O-L36"].find("skipped").get("message")
    assert cases["O-L36"].find("system-out").text.endswith("\nwaiver: told <so> & more")
    assert "found: /etc/ssh/ssh_host_rsa_key\nexpected: no /etc/ssh/ssh_host_*\nwhy: guests" in (
        cases["O-L16"].find("failure").text
    )
    assert "found: 0 bytes\nexpected: /etc/machine-id of 0 bytes" in cases["O-L25"].find("system-out").text
    assert "warning: /var/log/?[31m.log" in cases["O-L32"].find("system-out").text
    assert "\x1b" not in junit(report(spoiled))


def test_text_of_a_guest_is_made_harmless():
    assert harmless("a\x1b[31m\nb\u202e") == "a?[31m?b?"
    assert len(harmless("x" * 10_000)) < 500


def test_a_guest_that_could_not_be_read_does_not_pass_by_not_being_seen(debian):
    hidden = debian.but(tree=None, reason="the root file system /dev/sda2 cannot be mounted")
    failed = {one.id: one for one in report(hidden).failed}
    assert "cannot be mounted" in failed["O-L16"].detail
    assert len(failed) > 15


def test_a_file_that_was_not_read_fails_its_checks(debian):
    tree = debian.tree()
    texts = {path: text for path, text in tree.texts.items() if path != "/etc/shadow"}
    unread = Tree(tree.entries, texts, unread={"/etc/shadow": "was not read: it is no plain file"})
    failed = {one.id: one for one in report(debian.but(tree=unread)).failed}
    assert set(failed) == {"O-L12", "O-L14", "O-G1"}
    assert failed["O-L12"].found == "/etc/shadow was not read: it is no plain file"


def test_without_a_system_only_what_needs_none_is_judged(debian):
    empty = report(debian.but(systems=(), tree=None, reason="the image holds 0 operating systems, not one"))
    assert [one.id for one in empty.failed] == ["O-C7"]
    assert {one.detail for one in empty.checks if one.status == "skipped"} == {
        "the image holds 0 operating systems, not one"
    }


def test_checks_of_other_profiles_are_not_asked(rhel6):
    assert not {"O-L25", "O-L22"} & {one.id for one in report(rhel6).checks}


@pytest.mark.parametrize(
    ("systems", "profile"),
    [
        ([], "generic-linux"),
        ([("linux", "debian", 12)], "debian"),
        ([("linux", "ubuntu", 22)], "debian"),
        ([("linux", "centos", 7)], "rhel7"),
        ([("linux", "rhel", 6)], "rhel6"),
        ([("linux", "almalinux", 9)], "rhel8+"),
        ([("linux", "rhel", 5)], "generic-linux"),
        ([("linux", "archlinux", 0)], "generic-linux"),
        ([("windows", "windows", 10)], "windows"),
        ([("linux", "debian", 12), ("linux", "debian", 12)], "generic-linux"),
    ],
)
def test_the_system_decides_the_profile(systems, profile):
    found = [System("/dev/sda1", kind, distro, major, 0) for kind, distro, major in systems]
    assert profile_of(found) == profile


def test_a_check_is_data_with_one_function(debian):
    @check("X-1", "has a name", why="w", source="s", expected="e", fix="f")
    def named(facts):
        return good(facts.system.distro)

    (one,) = answers(debian.facts(), {}, [named])
    assert (one.id, one.found, one.status, one.fix) == ("X-1", "debian", "ok", "")
