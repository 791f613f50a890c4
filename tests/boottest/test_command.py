"""``goldsmith boot-test`` on libvirt's test driver, whose machines run no guest: a fake virt-install speaks for it."""

import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.conftest import guestfish

from goldsmith.boottest.place import Image, Place
from goldsmith.boottest.run import boot_test as start_test
from goldsmith.cli.main import run
from goldsmith.errors import HostError
from goldsmith.host.files import locked
from goldsmith.host.process import LocalHost

# A machine of the test driver; what a guest says on its console is in $SAYS.
VIRT_INSTALL = """
for word; do
    case "$before" in --name) name=$word ;; esac
    case "$word" in pty,log.file=*) console=${word#pty,log.file=};; description=*) said=${word#description=} ;; esac
    before=$word
done
printf '%b' "$SAYS" > "$console"
printf '<domain type="test"><name>%s</name><description>%s</description>' "$name" "$said"
printf '<memory>1024</memory><os><type>hvm</type></os><devices>'
printf '<serial type="pty"><log file="%s"/></serial></devices></domain>' "$console"
"""
XORRISO = 'for word; do case $before in -o) : > "$word" ;; esac; before=$word; done'
PROMPT = "[ 0.0] Linux version 6.1\\nfactory login: "
KNOWN = ("--profile", "debian", "--property", "hw_firmware_type=bios", "--timeout", "1")


@pytest.fixture
def boot_test(tmp_path, monkeypatch, fake_tool, tool_on_path, capfd):
    qemu_img = tool_on_path("qemu-img")
    tools = {
        "virt-install": fake_tool("virt-install", VIRT_INSTALL),
        "xorriso": fake_tool("xorriso", XORRISO),
        "osinfo-query": fake_tool("osinfo-query", "exit 1"),
    }
    monkeypatch.setenv("GOLDSMITH_ACCEL", "tcg")
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "test:///default")
    image = tmp_path / "image.qcow2"
    subprocess.run([qemu_img, "create", "-q", "-f", "qcow2", image, "64M"], check=True)

    def go(*words, says=PROMPT):
        monkeypatch.setenv("SAYS", says)
        capfd.readouterr()
        code = run(["boot-test", *(words or (str(image), *KNOWN))])
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    go.image, go.state, go.tools = image, tmp_path / "state", tools
    return go


def evidence(state):
    (folder,) = (state / "boot-tests").iterdir()
    return folder


def test_a_guest_that_lets_nobody_in_is_refused_with_all_that_was_found(boot_test, tmp_path):
    before = boot_test.image.read_bytes(), boot_test.image.stat()
    code, out, err = boot_test(str(boot_test.image), *KNOWN, "--json", "--junit", str(tmp_path / "junit.xml"))
    assert code == 4, err
    report = json.loads(out)
    checks = {one["id"]: one for one in report["checks"]}
    assert checks["B-L1"]["status"] == "ok"
    assert (checks["B-L2"]["status"], checks["B-L2"]["found"]) == ("failed", "no sshd answered")
    assert checks["B-C1"]["status"] == "skipped"
    assert checks["B-C4"]["status"] == "ok", "the test driver's machines heed the button"
    assert checks["B-W1"]["detail"] == "not asked of debian"
    assert report["ok"] is False
    assert Path(report["folder"]) == evidence(boot_test.state)
    kept = {one.name for one in Path(report["folder"]).iterdir()}
    assert {"console-1.log", "console-2.log", "boot-test.json"} <= kept
    (suite,) = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert suite.get("name") == "goldsmith boot test image.qcow2"
    assert {case.get("classname") for case in suite.iter("testcase")} == {"boot-test.debian"}
    for text in ("first boot: boot1-", "q35, bios, virtio disk of 5.1 GiB", "second boot: boot2-"):
        assert text in err
    after = boot_test.image.stat()
    assert (boot_test.image.read_bytes(), after.st_uid, after.st_mode) == (
        before[0],
        before[1].st_uid,
        before[1].st_mode,
    )
    assert list((boot_test.state / "run").iterdir()) == []


def test_a_guest_that_fails_is_kept_for_a_person_and_goes_when_he_says_so(boot_test, hypervisor, capfd):
    code, out, err = boot_test(str(boot_test.image), *KNOWN, "--json", "--keep-failed")
    assert code == 4, err
    report = json.loads(out)
    name, domain = Path(report["folder"]).name, report["kept"]["domain"]
    assert (domain, report["kept"]["shell"]) == (f"goldsmith-{name}-2", f"goldsmith shell {name}")
    boot_test()  # which sweeps, and keeps nothing of its own
    assert [one.name for one in hypervisor.domains("goldsmith-")] == [domain]

    assert run(["shell", name]) == 0
    told = capfd.readouterr()
    assert f"guest   {domain}, running; kept when boot-test failed" in told.err
    assert f"then    goldsmith shell {name} --drop" in told.err
    assert "factory login: " in told.out
    assert run(["shell", name, "--drop"]) == 0
    assert hypervisor.domains("goldsmith-") == []
    assert list((boot_test.state / "run").iterdir()) == []
    assert run(["shell", name]) == 2


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_a_timeout_that_is_no_number_is_refused(seconds, capfd):
    assert run(["boot-test", "some.qcow2", "--timeout", seconds]) == 2
    assert f"Invalid value for '--timeout': '{seconds}' is no number" in capfd.readouterr().err


def test_a_guest_that_never_comes_up_says_where_it_is_kept(boot_test, hypervisor):
    code, _, err = boot_test(str(boot_test.image), *KNOWN, "--keep-failed", says="")
    assert code == 4
    name = evidence(boot_test.state).name
    assert f"; the guest is kept, running: goldsmith shell {name}\n" in err
    assert [one.name for one in hypervisor.domains("goldsmith-")] == [f"goldsmith-{name}-1"]


def test_the_table_shows_what_failed_and_where_the_evidence_lies(boot_test):
    code, out, _ = boot_test()
    assert code == 4
    assert "the cloud's key lets the promised user in" in out
    assert "image.qcow2 refused:" in out
    assert f"consoles and screenshots: {evidence(boot_test.state)}" in out.replace("\n", " ")


def test_a_guest_that_never_comes_up_ends_with_what_was_seen_last(boot_test):
    code, _, err = boot_test(says="[ 0.0] Linux version 6.1\\n[ 1.0] last words\\n")
    assert code == 4
    assert "the guest did not come up in 1 s: no login prompt on ttyS0, no SSH, no guest agent" in err
    assert "  | [ 1.0] last words" in err
    folder = evidence(boot_test.state)
    assert f"in {folder}" in err
    assert (folder / "console-1.log").exists()
    assert [one.name for one in folder.iterdir() if one.suffix in (".png", ".ppm")] != [], (
        "a picture of its screen"
    )
    assert list((boot_test.state / "run").iterdir()) == []


# A disk with one log, as the appliance tells of it.
DISK = guestfish("""
        *list-filesystems*) answer='/dev/sda1: ext4' ;;
        *glob-expand*cloud-init.log*) answer=/var/log/cloud-init.log ;;
        *filesize*) answer=5 ;;
        *is-file*) answer=true ;;
        *download-offset*) eval set -- "${line%%|*}"; echo 'no datasource found' > "$3"; answer= ;;
""")


def test_the_logs_of_a_guest_that_nobody_could_ask_are_brought_from_its_disk(boot_test, fake_tool):
    fake_tool("guestfish", DISK)
    code, _, err = boot_test(says="")
    assert code == 4
    logs = evidence(boot_test.state) / "logs-1"
    assert f"; the logs on its disk in {logs}\n" in err
    assert (logs / "var-log-cloud-init.log").read_text() == "no datasource found\n"
    assert logs.stat().st_mode & 0o777 == 0o700


def test_a_guest_that_lets_nobody_in_leaves_its_logs_too_unless_it_is_kept(boot_test, fake_tool, hypervisor):
    tool = fake_tool("guestfish", DISK)
    boot_test()
    assert {one.name for one in evidence(boot_test.state).glob("logs-*")} == {"logs-1", "logs-2"}
    (overlay,) = [word for word in tool.calls[0] if word.endswith(".qcow2")]
    assert overlay.endswith("/boot-1.qcow2")
    shutil.rmtree(boot_test.state / "boot-tests")
    boot_test(str(boot_test.image), *KNOWN, "--keep-failed", says="")
    assert not list(evidence(boot_test.state).glob("logs-*")), "its disk is in use"


def test_a_guest_that_cannot_come_up_is_told_by_its_cause_at_once(boot_test):
    words = (str(boot_test.image), *KNOWN[:-1], "60")
    code, _, err = boot_test(
        *words, says="[ 1.0] Kernel panic - not syncing: VFS: Unable to mount root fs\\n"
    )
    assert code == 4
    assert "(the guest did not come up in " in err
    assert "Unable to mount root fs" in err.partition("(the guest")[0]


def test_the_machine_is_as_the_properties_say(boot_test):
    boot_test(str(boot_test.image), *KNOWN, "--property", "hw_disk_bus=scsi", "--property", "hw_vif_model=e1000",
              "--memory", "640")  # fmt: skip
    argv = boot_test.tools["virt-install"].calls[0]
    joined = " ".join(argv)
    for text in (
        "bus=scsi",
        "model=e1000",
        "--memory 640",
        "--virt-type qemu",
        "--machine q35",
        "drive-1.iso",
    ):
        assert text in joined


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("no-such-image",), 6, "has no image 'no-such-image'"),
        (("IMAGE", "--profile", "rhel77"), 2, "unknown audit profile 'rhel77'"),
        (("IMAGE", "--timeout", "0"), 2, "Invalid value for '--timeout'"),
        ((), 2, "Missing argument 'IMAGE'"),
    ],
)
def test_a_wrong_call_starts_nothing(boot_test, capfd, words, code, said):
    done = run(["boot-test", *(str(boot_test.image) if one == "IMAGE" else one for one in words)])
    assert done == code
    assert said in capfd.readouterr().err
    assert not (boot_test.state / "boot-tests").exists()


def test_an_image_that_opens_other_files_is_not_booted(boot_test, tmp_path):
    trap = tmp_path / "trap.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", boot_test.image, "-F", "qcow2", trap], check=True
    )
    code, _, err = boot_test(str(trap), *KNOWN)
    assert code == 5
    assert "trap.qcow2 is refused: it needs another file below it (a backing file)" in err
    assert boot_test.tools["virt-install"].calls == []


def test_an_image_of_the_catalog_is_named_as_there(boot_test):
    from goldsmith.catalog.entry import NewImage
    from goldsmith.catalog.local import LocalCatalog

    properties = {"os_distro": "debian", "os_version": "12", "hw_firmware_type": "bios"}
    catalog = LocalCatalog(boot_test.state / "catalog")
    entry = catalog.register(
        boot_test.image, NewImage("pretty-name", min_ram=300, virtual_size=64 << 20, properties=properties)
    )
    code, out, err = boot_test(entry.id[:8], "--timeout", "1", "--json")
    assert code == 4, err
    assert json.loads(out)["image"] == "pretty-name"
    assert "300 MiB" in err


def test_a_test_makes_what_is_swept_only_under_its_lock(tmp_path):
    place = Place("t1", tmp_path / "state", "test:///default", "qemu", "user")
    (place.own / "lock").mkdir(parents=True)  # which nobody can take
    with pytest.raises(HostError, match="cannot lock"):
        start_test(
            Image(tmp_path / "i.raw", "raw", 1), None, place, host=LocalHost(), timeout=1.0, tell=print
        )
    assert not place.scratch.exists()


def test_what_a_killed_test_left_is_swept_but_not_what_runs(boot_test):
    dead, alive = (boot_test.state / "run" / name for name in ("boot-test-dead", "boot-test-alive"))
    for one in (dead, alive):
        one.mkdir(parents=True)
    with locked(boot_test.state / "boot-tests" / "boot-test-alive" / "lock"):
        boot_test()
    assert not dead.exists()
    assert alive.exists()
