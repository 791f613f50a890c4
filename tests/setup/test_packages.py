"""The script that installs system packages, on hosts made of fake programs."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "packages.sh"
SHELL_TOOLS = ("basename", "bash", "cat", "dirname", "grep", "mktemp", "rm", "sed", "sh", "tail", "tr")
DEBIAN = 'ID=debian\nVERSION_CODENAME="bookworm"\n'
UBUNTU = "ID=ubuntu\nVERSION_CODENAME=jammy\n"
FEDORA = "ID=fedora\nVERSION_ID=41\n"
CENTOS = 'ID="centos"\nPLATFORM_ID="platform:el9"\n'
RHEL = 'ID="rhel"\nPLATFORM_ID="platform:el9"\n'


class Machine:
    """A host made of fake programs; ``run`` runs the script on it."""

    def __init__(self, folder, fake_tool):
        self.folder, self.fake = folder, fake_tool
        self.boot = folder / "boot"
        self.boot.mkdir()
        (self.boot / "vmlinuz-6.1.0").touch()
        self.installed = folder / "installed"  # one package a line
        self.installed.touch()
        self.release = folder / "os-release"
        self.user(0)
        self.python("/usr/bin/python3")

    def user(self, number):
        self.fake("id", f"echo {number}")

    def python(self, path):
        self.fake("python3", f"echo {path}" if path else "exit 1")

    def apt(self, release=DEBIAN, script=""):
        self.release.write_text(release)
        self.fake("dpkg-query", f"sed 's/^/installed /' '{self.installed}'")
        return self.fake("apt-get", script)

    def dnf(self, release=FEDORA, script=""):
        self.release.write_text(release)
        self.fake("rpm", f"""grep -qx "$3" '{self.installed}'""")
        return self.fake("dnf", script)

    def run(self, *words):
        where = {"OS_RELEASE": str(self.release), "BOOT": str(self.boot)}
        return subprocess.run(
            ["/bin/bash", str(SCRIPT), *words],
            env={**os.environ, **where},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def names(self):
        """Return all packages that this host needs, from the command that the script would run."""
        self.user(1000)
        command = self.run().stderr.strip().rpartition(": ")[2]
        self.user(0)
        return [word for word in command.partition("install ")[2].split() if not word.startswith("-")]


@pytest.fixture
def machine(tmp_path, fake_tool, tool_on_path):
    for name in SHELL_TOOLS:
        tool_on_path(name)
    return Machine(tmp_path, fake_tool)


def test_root_with_apt_installs_what_is_missing_and_nothing_more(machine):
    apt = machine.apt()
    needed = [name for name in machine.names() if name != "DPkg::Lock::Timeout=300"]
    assert {"libvirt-dev", "virtinst", "python3-venv", "python3-dev", "libguestfs-xfs"} <= set(needed)
    machine.installed.write_text("\n".join(name for name in needed if name not in ("gcc", "virtinst")) + "\n")
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "set-up: installing 2 system packages: gcc virtinst\n"
    update, install = apt.calls
    assert update == ["update", "-qq"]
    assert install[0] == "install"
    assert "--no-install-recommends" in install
    assert install[-2:] == ["gcc", "virtinst"]


def test_nothing_is_said_or_run_when_all_is_there(machine):
    apt = machine.apt()
    machine.installed.write_text("\n".join(machine.names()) + "\n")
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert apt.calls == []


@pytest.mark.parametrize(("release", "browsers"), [(DEBIAN, 1), (UBUNTU, 0)], ids=["debian", "ubuntu"])
def test_the_tests_alone_get_a_token_and_a_browser_where_there_is_one_as_a_package(
    machine, release, browsers
):
    apt = machine.apt(release)
    machine.installed.write_text("\n".join(machine.names()) + "\n")
    assert machine.run("test").returncode == 0
    assert sum("chromium" in call for call in apt.calls) == browsers
    assert "softhsm2" in apt.calls[-1]
    assert "softhsm2" not in machine.names()


def test_the_tests_alone_get_a_token_with_dnf(machine):
    dnf = machine.dnf()
    machine.installed.write_text("\n".join(machine.names()) + "\n")
    assert machine.run("test").returncode == 0
    assert dnf.calls[-1][-1] == "softhsm"


def test_a_user_with_sudo_installs_through_it(machine):
    apt = machine.apt()
    machine.user(1000)
    sudo = machine.fake("sudo", '[ "$1" = -n ] && exit 0; PATH="$BIN:$PATH"; exec "$@"')
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert sudo.calls[0] == ["-n", "true"]
    assert sudo.calls[1][:2] == ["sh", "-c"]
    assert [call[0] for call in apt.calls] == ["update", "install"]


@pytest.mark.parametrize("sudo", ["", "exit 1"], ids=["no sudo", "sudo refuses"])
def test_a_user_without_rights_is_told_the_one_command(machine, sudo):
    apt = machine.apt()
    machine.user(1000)
    if sudo:
        machine.fake("sudo", sudo)
    done = machine.run()
    assert done.returncode == 3
    problem, fix = done.stderr.splitlines()
    assert problem == "system packages are missing, and this user is neither root nor allowed to use sudo"
    assert fix.startswith(
        "  fix: as root run: apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install"
    )
    assert " virtinst " in fix
    assert apt.calls == []


def test_a_failing_apt_shows_its_last_words_and_where_all_of_them_are(machine):
    machine.apt(script='[ "$1" = update ] || { echo "E: Unable to locate package gcc"; exit 100; }')
    done = machine.run()
    assert done.returncode == 3
    assert "  | E: Unable to locate package gcc\n" in done.stderr
    log = done.stderr.partition("all output is in ")[2].partition("\n")[0]
    assert "Unable to locate" in Path(log).read_text()


def test_a_mirror_that_is_away_does_not_stop_what_the_cache_can_give(machine):
    machine.apt(script='[ "$1" = update ] && exit 100; exit 0')
    assert machine.run().returncode == 0


def test_a_container_without_a_kernel_gets_one_for_the_appliance(machine):
    machine.apt()
    assert "linux-image-amd64" not in machine.names()
    (machine.boot / "vmlinuz-6.1.0").unlink()
    assert "linux-image-amd64" in machine.names()
    machine.apt(UBUNTU)
    assert "linux-image-generic" in machine.names()


def test_a_python_of_ones_own_brings_its_own_headers(machine):
    machine.apt()
    machine.python("/opt/python/bin/python3")
    assert not [name for name in machine.names() if name.startswith("python3")]


def test_a_newer_python_of_the_distribution_gets_its_own_headers(machine):
    machine.apt()
    machine.python("/usr/bin/python3.12")
    assert {"python3.12-venv", "python3.12-dev"} <= set(machine.names())


def test_a_host_without_a_python_gets_one_that_is_new_enough(machine):
    machine.python("")
    machine.apt()
    assert {"python3", "python3-venv", "python3-dev"} <= set(machine.names())
    machine.apt(UBUNTU)
    assert {"python3.11", "python3.11-venv", "python3.11-dev"} <= set(machine.names())
    for name in ("apt-get", "dpkg-query"):
        (machine.folder / "bin" / name).unlink()
    machine.dnf(CENTOS)
    assert {"python3.12", "python3.12-devel"} <= set(machine.names())


def test_dnf_installs_what_rpm_does_not_find(machine):
    dnf = machine.dnf()
    needed = machine.names()
    assert {"libvirt-devel", "/usr/bin/virt-install", "python3-devel", "/usr/bin/virt-sysprep"} <= set(needed)
    machine.installed.write_text("\n".join(name for name in needed if name != "/usr/bin/virt-install") + "\n")
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert dnf.calls == [
        ["install", "-q", "-y", "--setopt=install_weak_deps=False", "/usr/bin/virt-install"],
    ]


@pytest.mark.parametrize(
    ("release", "option"),
    [
        (CENTOS, "--enablerepo=crb"),
        (RHEL, "--enablerepo=codeready-builder-for-rhel-*"),
    ],
    ids=["centos", "rhel"],
)
def test_libvirts_headers_come_from_a_repository_that_is_off_by_default(machine, release, option):
    dnf = machine.dnf(release)
    assert machine.run().returncode == 0
    assert option in dnf.calls[0]


def test_a_host_with_neither_apt_nor_dnf_is_told_what_to_do(machine):
    machine.release.write_text("ID=arch\n")
    done = machine.run()
    assert done.returncode == 3
    assert "neither apt nor dnf" in done.stderr
    assert "\n  fix: install the tools that 'goldsmith doctor' lists" in done.stderr
