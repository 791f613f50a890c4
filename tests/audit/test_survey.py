"""What a look finds out of a guest, by a guestfish whose guest is a folder here."""

import subprocess

import pytest

from goldsmith.artifact.inventory import EtcFile, Package, User
from goldsmith.audit import rpmheaders
from goldsmith.audit.appliance import converse
from goldsmith.audit.bootmenu import Item
from goldsmith.audit.facts import System
from goldsmith.audit.registry import DWORD, SZ, Key, Registry, Value
from goldsmith.audit.survey import services, survey
from goldsmith.audit.tree import Entry, Kind, Tree
from goldsmith.audit.windows_survey import KEYS, SEES, survey_windows
from goldsmith.host.process import LocalHost
from goldsmith.media.installer.redhat import rpmdb

# Runs each line as the shell does, with guestfish's commands as functions; /sysroot is the folder, also in answers.
GUESTFISH = r"""
exec bash -c '
egrep() { grep -E "$1" "$ROOT$2"; }
is-file() { [ -f "$ROOT$1" ] && echo true || echo false; }
filesize() { stat -c %s "$ROOT$1"; }
download() { cat "$ROOT$1"; }
inspect-list-applications2() { cat "$ROOT/listed"; }
debug() {
  script=$(printf %b "$2")
  eval "sh -c ${script//\/sysroot/$ROOT}" | base64 -d | gzip -d | sed -z "s,^$ROOT,/sysroot," | gzip | base64 -w0
}
while IFS= read -r line; do
  [ "$line" = quit ] && exit 0
  eval "${line#-}" 2>/dev/null
done < "$6"' x "$@"
"""
STATUS = """\
Package: bash
Status: install ok installed
Maintainer: Matthias Klose <doko@debian.org>
Architecture: amd64
Source: bash (5.2)
Version: 5.2.15-2+b2
Description: GNU Bourne Again SHell
Homepage: http://tiswww.case.edu/php/chet/bash/bashtop.html

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2:2.36-9
"""
LISTED = """\
[0] = {
  app2_name: zypper
  app2_display_name:
  app2_epoch: 1
  app2_version: 1.14
  app2_release: 2.1
  app2_arch: x86_64
  app2_description: it says
app2_arch: nothing
}
"""


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    (folder / "etc/systemd/system/multi-user.target.wants").mkdir(parents=True)
    return folder


@pytest.fixture
def held(root, fake_tool, tmp_path):
    fake_tool("guestfish", f"export ROOT={root}\n{GUESTFISH}")

    def look(package_format, texts=()):
        entries = {path: Entry(Kind.FILE) for path in dict(texts)}
        tree = Tree(entries, texts=dict(texts), seen={"/etc": 1})
        system = System("/dev/sda1", "linux", "debian", 12, 0, "Debian 12", "x86_64", package_format)
        item = Item("Debian", "0", kernel="/boot/vmlinuz-6.1", args=("ro", "quiet"))
        return converse(
            tmp_path / "disk.qcow2",
            lambda appliance: survey(appliance, system, tree, item),
            driver="qcow2",
            host=LocalHost(),
            env={},
            timeout=60,
        )

    return look


def test_etc_is_listed_with_modes_owners_digests_and_links(root, held):
    wants = root / "etc/systemd/system/multi-user.target.wants"
    (wants / "ssh.service").symlink_to("/lib/systemd/system/ssh.service")
    (root / "etc/motd").write_text("hello\n")
    (root / "etc/motd").chmod(0o604)
    found = held("")
    motd, folder = found.etc["/etc/motd"], found.etc["/etc/systemd"]
    assert motd == EtcFile(
        "f",
        "0604",
        (root / "etc/motd").stat().st_uid,
        (root / "etc/motd").stat().st_gid,
        "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
    )
    assert (folder.kind, folder.sha256) == ("d", "")
    assert found.etc["/etc/systemd/system/multi-user.target.wants/ssh.service"].target.endswith("ssh.service")
    assert found.services == {"ssh.service": "multi-user.target"}
    assert (found.kernel, found.arguments, found.release) == ("vmlinuz-6.1", ("ro", "quiet"), "12")
    assert list(found.etc) == sorted(found.etc)


def test_an_etc_that_is_a_link_is_not_followed(root, held, tmp_path):
    (root / "etc").rename(root / "real")
    (root / "etc").symlink_to("/etc")
    assert held("").etc is None


def test_debian_packages_come_with_source_licence_and_vendor(root, held):
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text(STATUS)
    (root / "usr/share/doc/bash").mkdir(parents=True)
    (root / "usr/share/doc/bash/copyright").write_text(
        "Files: *\nLicense: GPL-3+\n\nFiles: x\nLicense: GPL-3+\n"
    )
    assert held("deb").packages == (
        Package(
            "deb",
            "bash",
            "5.2.15-2+b2",
            "amd64",
            "bash",
            "GPL-3+",
            "Matthias Klose <doko@debian.org>",
            "http://tiswww.case.edu/php/chet/bash/bashtop.html",
        ),
        Package("deb", "libc6", "2:2.36-9", "amd64", "glibc"),
    )


def test_an_rpm_database_is_read_without_rpm(root, held):
    (root / "var/lib/rpm").mkdir(parents=True)
    many = [rpmdb.Package(f"p{number:03}", "1", "2.el6") for number in range(400)]
    (root / "var/lib/rpm/Packages").write_bytes(
        rpmdb.database([*many, rpmdb.Package("gpg-pubkey", "fd4", "1")])
    )
    found = held("rpm").packages
    assert [one.name for one in found] == [one.name for one in many]
    assert found[0] == Package("rpm", "p000", "1-2.el6", "x86_64", "p000")


def test_packages_of_another_database_are_as_libguestfs_lists_them(root, held):
    (root / "var/lib/rpm").mkdir(parents=True)
    (root / "var/lib/rpm/Packages").write_bytes(b"no database" * 100)
    (root / "listed").write_text(LISTED)
    assert held("rpm").packages == (Package("rpm", "zypper", "1:1.14-2.1", "x86_64"),)


def test_a_broken_rpm_database_is_refused(tmp_path):
    whole = rpmdb.database([rpmdb.Package("bash", "1", "1"), rpmdb.Package("glibc", "2", "1")])
    for broken, told in ((whole[:9000], "Packages: "), (b"x" * 9000, "no Berkeley DB hash file")):
        (tmp_path / "Packages").write_bytes(broken)
        with pytest.raises(rpmheaders.Unreadable, match=told):
            assert len(rpmheaders.packages(tmp_path / "Packages")) == 2


@pytest.mark.real
def test_databases_that_rpm_itself_wrote_are_read_as_rpm_reads_them(tmp_path):
    spec = tmp_path / "tiny.spec"
    spec.write_text(
        "Name: tiny\nEpoch: 3\nVersion: 1.2\nRelease: 4\nSummary: s\nLicense: GPLv2+ and MIT\nVendor: Us\n"
        "URL: http://example.com/\nBuildArch: noarch\n%description\nd\n%files\n"
    )
    run = {"check": True, "capture_output": True, "text": True}
    subprocess.run(["rpmbuild", "-bb", f"--define=_topdir {tmp_path}", spec], **run)
    (rpm,) = tmp_path.glob("RPMS/noarch/*.rpm")
    database = tmp_path / "db"
    subprocess.run(["rpm", "--dbpath", database, "--justdb", "--nodeps", "-i", rpm], **run)
    assert rpmheaders.packages(database / "rpmdb.sqlite") == (
        Package("rpm", "tiny", "3:1.2-4", "noarch", "tiny", "GPLv2+ and MIT", "Us", "http://example.com/"),
    )


def test_users_are_told_with_whether_a_password_is_set_and_never_which(held):
    shadow = "root:!*:1::::::\ncloud:$6$salt$hash:1::::::\nguest::1::::::\n"
    passwd = "root:x:0:0:root:/root:/bin/bash\ncloud:x:1000:1000::/home/cloud:/bin/sh\nguest:x:1001:1001::/:/bin/sh\n"
    found = held("", {"/etc/passwd": passwd, "/etc/shadow": shadow, "/etc/group": "wheel:x:10:root,cloud\n"})
    assert found.users == (
        User("root", 0, 0, "/root", "/bin/bash", "locked"),
        User("cloud", 1000, 1000, "/home/cloud", "/bin/sh", "set"),
        User("guest", 1001, 1001, "/", "/bin/sh", "none"),
    )
    assert found.groups == {"wheel": ("cloud", "root")}
    assert "hash" not in found.text()


def test_services_are_what_links_in_etc_start_or_mask():
    links = {
        "/etc/systemd/system/multi-user.target.wants/a.service": "/lib/systemd/system/a.service",
        "/etc/systemd/system/b.service.requires/a.service": "/lib/systemd/system/a.service",
        "/etc/systemd/system/masked.service": "/dev/null",
        "/etc/systemd/system/alias.service": "/lib/systemd/system/a.service",
        "/etc/rc.d/rc3.d/S10network": "../init.d/network",
        "/etc/rc.d/rc3.d/K10off": "../init.d/off",
    }
    found = services({path: EtcFile("l", "0777", 0, 0, target=to) for path, to in links.items()})
    assert found == {
        "a.service": "b.service multi-user.target",
        "masked.service": "masked",
        "network": "runlevel 3",
    }


def test_a_windows_is_told_by_its_registry_and_its_updates():
    def value(text):
        return Value(SZ, text.encode("utf-16-le"))

    def service(name, start):
        path = rf"SYSTEM\CurrentControlSet\Services\{name}"
        values = {} if start is None else {"start": Value(DWORD, start.to_bytes(4, "little"))}
        return path.lower(), Key(path, values)

    uninstall = r"software\microsoft\windows\currentversion\uninstall"
    keys = {
        rf"{uninstall}\{{1}}": Key(
            "x",
            {
                "displayname": value("Cloudbase-Init"),
                "displayversion": value("1.1"),
                "publisher": value("CB"),
            },
        ),
        rf"{uninstall}\hidden": Key("x"),
        r"software\microsoft\windows nt\currentversion": Key("x", {"currentbuild": value("17763")}),
        r"sam\sam\domains\account\users\names\administrator": Key(r"SAM\...\Administrator"),
        **dict(
            service(name, start)
            for name, start in {
                "viostor": 0,
                "CDPUserSvc": 2,
                "CDPUserSvc_3a2f1": 2,
                "Tool_1": 3,
                "Spooler": 4,
                "odd": 9,
                ".NET": None,
            }.items()
        ),
    }
    folder = "/windows/servicing/packages"
    names = [
        "package_for_kb5031364~31bf3856ad364e35~amd64~~10.0.1.5.mum",
        "package_for_rollupfix~31bf3856ad364e35~amd64~~17763.4974.1.12.mum",
        "package_for_kb1_rtm~31bf3856ad364e35~amd64~~1.mum.bak",
    ]
    entries = {f"{folder}/{name}": Entry(Kind.FILE) for name in names}
    tree = Tree(entries, seen={folder: 1}, ignore_case=True)
    system = System("/dev/sda2", "windows", "windows", 10, 0, "Windows Server 2019", "x86_64")
    found = survey_windows(system, tree, Registry(keys, KEYS))
    assert SEES[0].startswith(folder)
    assert [(one.name, one.version, one.vendor) for one in found.packages] == [
        ("Cloudbase-Init", "1.1", "CB"),
        ("KB5031364", "10.0.1.5", "Microsoft Corporation"),
        ("ROLLUPFIX", "17763.4974.1.12", "Microsoft Corporation"),
    ]
    assert ([one.name for one in found.users], found.release) == (["Administrator"], "17763")
    assert found.services == {
        "viostor": "boot",
        "CDPUserSvc": "automatic",  # what was made of it for one log-in has another name each time
        "Tool_1": "on demand",
        "Spooler": "disabled",
        "odd": "Start 9",
    }
    unread = Registry({}, KEYS, {"SYSTEM": "the registry hive SYSTEM cannot be read"})
    assert survey_windows(system, tree, unread).services is None
