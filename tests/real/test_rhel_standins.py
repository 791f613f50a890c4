"""The full recipes rhel7 and rhel6 on the stand-in media: every line of the kickstarts is carried out for real.

What each stand-in command was asked, and the registrations that its server knows, are on the guest's console.
"""

import json
import os
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from goldsmith.host.locks import locked

from .conftest import REPOSITORY, Finished, Goldsmith

pytestmark = [pytest.mark.real]

SEVEN = pytest.mark.xdist_group("rhel7")
SIX = pytest.mark.xdist_group("rhel6")
CREDENTIALS = {"RHSM_ORG": "standin-org-6f2a", "RHSM_KEY": "standin-key-93c1"}
IFCFG = "TYPE=Ethernet\nDEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\nNM_CONTROLLED=no\n"
CONSOLES = "console=tty0 console=ttyS0,115200n8"
REGISTERED = [
    "subscription-manager register --name=goldsmith-build --org=*** --activationkey=*** [0]",
    "yum -y update [0]",
    "yum -y install cloud-init [0]",
    "yum -y install cloud-utils-growpart [0]",
    "subscription-manager repos --disable=* [0]",
    "subscription-manager unregister [0]",
    "subscription-manager clean [0]",
    "yum clean all [1]",  # there is no repository any more, and that is an error of yum
]


@dataclass(frozen=True)
class Subject:
    """A build of a recipe on its stand-in medium."""

    goldsmith: Goldsmith
    done: Finished

    @property
    def folder(self) -> Path:
        return self.goldsmith.state / "builds" / str(self.done.end["build"])

    @property
    def console(self) -> str:
        return (self.folder / "console.log").read_text(errors="replace")

    @property
    def calls(self) -> list[str]:
        return re.findall(r"standin-call: (.*?)\r*$", self.console, re.MULTILINE)

    @property
    def consumers(self) -> list[str]:
        """Return what the server was told, the consumers by number."""
        told = re.findall(r"standin-server: (\w+) consumer (\S+)", self.console)
        known = list(dict.fromkeys(one for _, one in told))
        return [f"{verb} {known.index(one)}" for verb, one in told]


def build(
    state: Path, recipe: str, *, project: Path = REPOSITORY, medium: str = "", **secrets: str
) -> Subject:
    goldsmith = Goldsmith(state, project, {**CREDENTIALS, **secrets})
    name = f"goldsmith-standin-{medium or recipe}"
    return Subject(goldsmith, goldsmith.build(recipe, "--iso", name, "--no-boot-test"))


def build_once(state: Path, recipe: str) -> Subject:
    """Build a recipe once for all tests of this run."""
    run = state / "session"
    kept = state / f"{recipe}-standin.json"
    with locked(state / f"{recipe}-standin.lock"):
        if kept.exists() and kept.stat().st_mtime > run.stat().st_mtime:
            return Subject(
                Goldsmith(state, REPOSITORY, CREDENTIALS), Finished(**json.loads(kept.read_text()))
            )
        subject = build(state, recipe)
        kept.write_text(json.dumps(asdict(subject.done)))
        return subject


@pytest.fixture
def rhel7(shared_state) -> Subject:
    return build_once(shared_state, "rhel7")


@pytest.fixture
def rhel6(shared_state) -> Subject:
    return build_once(shared_state, "rhel6")


def entry(subject: Subject) -> dict[str, object]:
    listed = json.loads(subject.goldsmith.run("image", "list", "--json").out)
    (found,) = [one for one in listed if one["id"] == subject.done.end["image"]["id"]]
    return dict(found)


def read(subject: Subject, folder: Path, *paths: str) -> dict[str, str]:
    """Return files of the finished image, all of them in one launch of the appliance."""
    target = folder / "image.qcow2"
    subject.goldsmith.run("image", "export", str(subject.done.end["image"]["id"]), str(target))
    script = "".join(f"-download {path} {folder / str(at)}\n" for at, path in enumerate(paths))
    env = {**os.environ, "LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}
    argv = ["guestfish", "--ro", "--format=qcow2", "-a", str(target), "-m", "/dev/sda1"]
    subprocess.run(argv, input=script, env=env, text=True, check=True)
    files = {path: folder / str(at) for at, path in enumerate(paths)}
    return {path: file.read_text() for path, file in files.items() if file.exists()}


def failed_checks(subject: Subject) -> list[str]:
    report = json.loads((subject.folder / "audit.json").read_text())
    return [check["id"] for check in report["checks"] if check["status"] == "failed"]


@SEVEN
def test_rhel_7_goes_from_its_recipe_to_an_active_entry_and_its_audit_finds_no_fault(rhel7):
    assert rhel7.done.code == 0, rhel7.done.err
    found = entry(rhel7)
    assert (found["status"], found["os_distro"], found["os_version"]) == ("active", "rhel", "7.9")
    assert failed_checks(rhel7) == []
    rhel7.goldsmith.nothing_left("rhel7")


@SEVEN
def test_every_stand_in_command_of_rhel_7_was_called_in_order_and_the_guest_was_unregistered(rhel7):
    calls = [one for one in rhel7.calls if not one.startswith(("grub2-set-default", "rpm"))]
    assert calls == [
        "grub2-mkconfig -o /boot/grub2/grub.cfg [0]",  # the installer's own
        "authconfig --update --nostart --enableshadow --passalgo=sha512 [0]",
        "firewall-offline-cmd --enabled --service=ssh [0]",
        *REGISTERED,
        "grub2-mkconfig -o /boot/grub2/grub.cfg [0]",
        "restorecon -R /etc /boot /root /usr /var [0]",
    ]
    assert rhel7.consumers == ["registered 0", "removed 0"]


@SEVEN
def test_the_image_of_rhel_7_has_the_files_of_the_manual(rhel7, tmp_path):
    files = read(
        rhel7,
        tmp_path,
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "/etc/sysconfig/network",
        "/etc/default/grub",
        "/boot/grub2/grub.cfg",
        "/etc/cloud/cloud.cfg",
        "/etc/yum.repos.d/redhat.repo",
        "/root/ks-post.log",
    )
    assert files.pop("/etc/sysconfig/network-scripts/ifcfg-eth0") == IFCFG
    assert files.pop("/etc/sysconfig/network") == "NETWORKING=yes\nNOZEROCONF=yes\n"
    grub = files.pop("/etc/default/grub")
    assert f'GRUB_CMDLINE_LINUX_DEFAULT="{CONSOLES}"\n' in grub
    assert 'GRUB_CMDLINE_LINUX="net.ifnames=0 biosdevname=0"\n' in grub
    kernels = re.findall(r"linux16 (\S+) .*? ro (.*)", files.pop("/boot/grub2/grub.cfg"))
    assert kernels == [
        (f"/boot/vmlinuz-3.10.0-{one}.el7.x86_64", f"net.ifnames=0 biosdevname=0 {CONSOLES}")
        for one in ("1160.119.1", "1160")
    ]
    assert " - resolv-conf\n" in files.pop("/etc/cloud/cloud.cfg")
    assert files == {}


@SIX
def test_rhel_6_goes_from_its_recipe_to_an_active_entry_and_its_audit_finds_no_fault(rhel6):
    assert rhel6.done.code == 0, rhel6.done.err
    found = entry(rhel6)
    assert (found["status"], found["os_distro"], found["os_version"]) == ("active", "rhel", "6.10")
    assert failed_checks(rhel6) == []
    rhel6.goldsmith.nothing_left("rhel6")


@SIX
def test_every_stand_in_command_of_rhel_6_was_called_in_order_and_the_guest_was_unregistered(rhel6):
    calls = [one for one in rhel6.calls if not one.startswith("rpm")]
    assert calls == [
        "authconfig --update --nostart --enableshadow --passalgo=sha512 [0]",
        "lokkit --selinux=enforcing [0]",
        "lokkit --quiet --nostart -f --enabled --service=ssh [0]",
        "chkconfig kdump off [1]",  # not installed
        *(f"chkconfig {name} on [0]" for name in ("network", "sshd", "rsyslog", "acpid")),
        *REGISTERED,
        "chkconfig --add goldsmith-growroot [0]",
        "chkconfig acpid on [0]",
        "restorecon -R /etc /boot /root /usr /var [0]",
    ]
    assert rhel6.consumers == ["registered 0", "removed 0"]


@SIX
def test_the_image_of_rhel_6_has_the_files_of_the_manual(rhel6, tmp_path):
    files = read(
        rhel6,
        tmp_path,
        "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "/etc/sysconfig/network",
        "/etc/udev/rules.d/75-persistent-net-generator.rules",
        "/boot/grub/grub.conf",
        "/etc/cloud/cloud.cfg",
        "/etc/udev/rules.d/70-persistent-net.rules",
    )
    assert files.pop("/etc/sysconfig/network-scripts/ifcfg-eth0") == IFCFG
    assert "NOZEROCONF=yes\n" in files.pop("/etc/sysconfig/network")
    assert files.pop("/etc/udev/rules.d/75-persistent-net-generator.rules") == "#\n"
    menu = files.pop("/boot/grub/grub.conf")
    kernels = re.findall(r"kernel (\S+) ro .*?(console=.*)", menu)
    assert kernels == [(f"/boot/vmlinuz-2.6.32-{one}.el6.x86_64", CONSOLES) for one in ("754.35.1", "754")]
    assert not re.search("rhgb|quiet|crashkernel", menu)
    assert " - resolv-conf\n" in files.pop("/etc/cloud/cloud.cfg")
    assert files == {}


@SEVEN
def test_an_expired_activation_key_ends_with_its_cause_and_nothing_stays_registered(shared_state):
    subject = build(shared_state, "rhel7", RHSM_KEY="standin-key-expired")
    assert subject.done.code == 4
    assert "registration" in subject.done.err
    assert "expired" in subject.done.err
    assert "standin-key-expired" not in subject.done.err + subject.console
    assert subject.consumers == []
    assert [one for one in subject.calls if one.startswith("subscription-manager")] == [
        "subscription-manager register --name=goldsmith-build --org=*** --activationkey=*** [70]",
        "subscription-manager repos --disable=* [1]",
        "subscription-manager unregister [1]",
        "subscription-manager clean [0]",
    ]
    subject.goldsmith.nothing_left("rhel7")


@SIX
def test_a_package_that_does_not_exist_fails_the_build_and_the_guest_is_unregistered(shared_state, tmp_path):
    project = tmp_path / "project"
    (project / "recipes").mkdir(parents=True)
    recipe = "name: broken6\nextends: rhel6\ninstall:\n  content: {packages: [cloud-init, no-such-package]}\n"
    (project / "recipes/broken6.yaml").write_text(recipe)
    subject = build(shared_state, "broken6", project=project, medium="rhel6")
    assert subject.done.code == 4
    assert "no-such-package" in subject.done.err
    assert subject.consumers == ["registered 0", "removed 0"]
    assert subject.calls[-4:] == [
        "subscription-manager repos --disable=* [0]",
        "subscription-manager unregister [0]",
        "subscription-manager clean [0]",
        "yum clean all [1]",
    ]
