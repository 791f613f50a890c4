"""The stand-in's RHEL: a small payload is dressed, then its commands are called as scripts call them."""

import subprocess

import pytest

from goldsmith.media.installer.redhat.calls import call
from goldsmith.media.installer.redhat.dress import dress
from goldsmith.media.installer.redhat.release import Release

ORG, KEY, EXPIRED = "standin-org-6f2a", "standin-key-93c1", "standin-key-expired"
OWN = "6.1.0-1-cloud-amd64"


def payload(root):
    """Make the few files of a Debian root that dressing looks at."""
    files = {
        "usr/bin/cloud-init": "#!/usr/bin/python3\n",
        "usr/bin/growpart": "#!/bin/sh\n",
        "usr/sbin/qemu-ga": "\x7fELF",
        "usr/bin/systemctl": "\x7fELF",
        "usr/bin/bash": "\x7fELF",
        "usr/lib/systemd/system/cloud-init.service": "[Unit]\n",
        "usr/lib/os-release": 'ID=debian\nVERSION_ID="12"\n',
        "etc/debian_version": "12.1\n",
        "etc/cloud/cloud.cfg": "debian\n",
        "etc/group": "root:x:0:\nsystemd-network:x:998:\n",
        "etc/gshadow": "root:*::\n",
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nsystemd-network:x:998:998::/:/usr/sbin/nologin\n",
        "etc/fstab": "UUID=11-22 / xfs defaults 0 0\n",
        "var/lib/dpkg/info/cloud-init.list": "/lib\n/usr/bin/cloud-init\n/lib/systemd/system/cloud-init.service\n",
        "var/lib/dpkg/info/cloud-guest-utils.list": "/usr/bin/growpart\n",
        "var/lib/dpkg/info/qemu-guest-agent.list": "/usr/sbin/qemu-ga\n",
        f"boot/vmlinuz-{OWN}": "kernel",
        f"boot/initrd.img-{OWN}": "initramfs",
        "dev/ttyS0": "",
        "usr/lib/systemd/system/systemd-update-utmp.service": "[Unit]\nAfter=auditd.service\nBefore=sysinit.target\n",
        "usr/lib/systemd/network/99-default.link": "[Link]\nNamePolicy=path\n",
        "proc/net/route": "Iface\tDestination\tGateway\neth0\t00000000\t0101A8C0\n",
        "var/log/dpkg.log": "",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / f"usr/lib/modules/{OWN}").mkdir(parents=True)
    (root / "etc/systemd/system/multi-user.target.wants").mkdir(parents=True)
    (root / "etc/systemd/system/multi-user.target.wants/ssh.service").symlink_to(
        "/lib/systemd/system/ssh.service"
    )
    (root / "lib").symlink_to("usr/lib")
    (root / "etc/os-release").symlink_to("../usr/lib/os-release")


@pytest.fixture
def seven(tmp_path, tool_on_path):
    tool_on_path("sh")
    payload(tmp_path / "root")
    return dress(tmp_path / "root", Release("7.9"), ["chrony", "firewalld", "qemu-guest-agent"])


@pytest.fixture
def six(tmp_path):
    payload(tmp_path / "root")
    return dress(tmp_path / "root", Release("6.10"), ["acpid", "qemu-guest-agent"])


def noted(guest):
    return guest.path("/dev/ttyS0").read_text().splitlines()


def register(guest, key=KEY, org=ORG):
    return call(["subscription-manager", "register", f"--org={org}", f"--activationkey={key}"], guest)


def test_a_dressed_payload_says_rhel_and_nothing_of_debian(seven):
    assert seven.path("/etc/redhat-release").read_text() == (
        "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n"
    )
    assert 'ID="rhel"' in seven.path("/usr/lib/os-release").read_text()
    assert not seven.path("/etc/debian_version").exists()
    assert sorted(one.name for one in seven.path("/boot").iterdir()) == [
        "initramfs-3.10.0-1160.el7.x86_64.img",
        "vmlinuz-3.10.0-1160.el7.x86_64",
    ]
    assert seven.path("/usr/bin/sh").readlink().name == "bash"
    assert not seven.path("/etc/systemd/system/multi-user.target.wants/ssh.service").is_symlink()
    assert seven.path("/lib").is_symlink()
    assert list(seven.path("/usr/lib/systemd/system").glob("systemd-update-utmp*")) == []


def test_cloud_init_is_there_only_when_yum_has_installed_it_and_is_off_until_it_is_enabled(seven):
    assert not seven.path("/usr/bin/cloud-init").exists()
    assert not seven.path("/etc/cloud").exists()
    assert call(["yum", "-y", "install", "cloud-init"], seven) == 1
    assert register(seven) == 0
    assert call(["yum", "-y", "install", "cloud-init"], seven) == 0
    assert seven.path("/usr/bin/cloud-init").exists()
    assert "name: cloud-user" in seven.path("/etc/cloud/cloud.cfg").read_text()
    assert seven.has_service("cloud-final")
    assert not seven.is_on("cloud-final")


def test_rhel_6_has_scripts_with_an_order_no_systemctl_and_low_account_numbers(six):
    assert call(["chkconfig", "network", "on"], six) == 0
    assert call(["chkconfig", "nothing", "on"], six) == 1
    assert six.path("/etc/rc3.d/S10network").readlink().name == "network"
    assert six.is_on("sshd")
    assert not six.is_on("qemu-ga")
    assert not six.path("/usr/bin/systemctl").exists()
    assert not six.path("/etc/os-release").exists()
    assert not six.path("/etc/machine-id").exists()
    assert not six.path("/usr/lib/systemd/network/99-default.link").exists()  # eth0 stays eth0
    assert "systemd-network:x:498:498:" in six.path("/etc/passwd").read_text()


def test_nothing_of_a_registration_works_before_it(seven, capsys):
    assert call(["subscription-manager", "repos", "--disable=*"], seven) == 1
    assert capsys.readouterr().err == (
        "This system is not yet registered. Try 'subscription-manager register --help' for more information.\n"
    )
    assert call(["subscription-manager", "unregister"], seven) == 1
    assert capsys.readouterr().err == "This system is currently not registered.\n"
    assert call(["subscription-manager", "clean"], seven) == 0


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["--activationkey=x"], 64, "Error: Must provide --org with activation keys."),
        (
            ["--org=o", "--activationkey=x", "--username=u"],
            64,
            "Error: Activation keys do not require user credentials.",
        ),
        (
            ["--org=o", "--activationkey=x", "--auto-attach"],
            64,
            "Error: Activation keys cannot be used with --auto-attach.",
        ),
        (["--org=o", f"--activationkey={KEY}"], 70, "Organization o does not exist."),
        (
            [f"--org={ORG}", "--activationkey", "x"],
            70,
            "None of the activation keys specified exist for this org.",
        ),
        (
            [f"--org={ORG}", "--activationkey", EXPIRED],
            70,
            "None of the subscriptions on the activation key were available for attaching.",
        ),
        (["--username=u", "--password=p"], 70, "Invalid username or password."),
    ],
)
def test_a_registration_fails_as_the_real_one_does(seven, capsys, args, code, text):
    assert call(["subscription-manager", "register", *args], seven) == code
    assert capsys.readouterr().err == text + "\n"
    assert not seven.path("/etc/pki/consumer/cert.pem").exists()
    assert "registered consumer" not in "".join(noted(seven))


def test_a_registration_needs_the_network_and_cannot_be_done_twice(seven, capsys):
    assert register(seven) == 0
    assert register(seven) == 64
    assert "already registered" in capsys.readouterr().err
    assert call(["subscription-manager", "unregister"], seven) == 0
    seven.path("/proc/net/route").write_text("Iface\tDestination\tGateway\n")
    assert register(seven) == 70
    assert "Network error, unable to connect to server." in capsys.readouterr().err


def test_unregistering_tells_the_server_and_clean_alone_does_not(seven):
    register(seven)
    assert call(["subscription-manager", "repos", "--disable=*"], seven) == 0
    assert "enabled = 1" not in seven.path("/etc/yum.repos.d/redhat.repo").read_text()
    assert call(["subscription-manager", "unregister"], seven) == 0
    register(seven)
    assert call(["subscription-manager", "clean"], seven) == 0
    told = [line.rpartition(" ")[0] for line in noted(seven) if line.startswith("standin-server")]
    assert told == [
        "standin-server: registered consumer",
        "standin-server: removed consumer",
        "standin-server: registered consumer",
    ]
    assert not list(seven.path("/etc/pki/consumer").iterdir())
    assert not seven.path("/etc/yum.repos.d/redhat.repo").exists()


def test_every_call_is_noted_on_the_console_with_its_end_and_without_secrets(seven):
    register(seven)
    call(["subscription-manager", "register", "--org", ORG, "--activationkey", KEY, "--force"], seven)
    call(["yum", "-y", "install", "nonesuch"], seven)
    calls = [line for line in noted(seven) if line.startswith("standin-call")]
    assert calls == [
        "standin-call: subscription-manager register --org=*** --activationkey=*** [0]",
        "standin-call: subscription-manager register --org *** --activationkey *** --force [0]",
        "standin-call: yum -y install nonesuch [1]",
    ]
    files = [one for one in seven.root.rglob("*") if one.is_file() and not one.is_symlink()]
    assert not [one for one in files if ORG.encode() in one.read_bytes() or KEY.encode() in one.read_bytes()]


def test_yum_says_what_yum_says(seven, capsys):
    assert call(["yum", "-y", "update"], seven) == 1
    said = capsys.readouterr()
    assert "There are no enabled repos.\n" in said.err
    assert "not registered with an entitlement server" in said.err
    register(seven)
    capsys.readouterr()
    assert call(["yum", "-y", "install", "nonesuch"], seven) == 1
    said = capsys.readouterr()
    assert "No package nonesuch available.\n" in said.out
    assert said.err == "Error: Nothing to do\n"
    assert call(["yum", "-y", "install", "wget", "nonesuch"], seven) == 0
    assert call(["yum", "install", "lsof"], seven) == 1  # asks, and nobody answers
    assert call(["yum", "-y", "install", "wget"], seven) == 0
    assert "already installed and latest version\nNothing to do" in capsys.readouterr().out
    assert call(["rpm", "-q", "wget", "lsof"], seven) == 1
    assert "package lsof is not installed" in capsys.readouterr().out
    seven.path("/proc/net/route").write_text("Iface\tDestination\n")
    assert call(["yum", "-y", "install", "lsof"], seven) == 1
    assert "Cannot retrieve repository metadata (repomd.xml)" in capsys.readouterr().err


def test_an_own_repository_offers_everything_without_a_registration(seven):
    seven.write("/etc/yum.repos.d/own.repo", "[own]\nname=own\nbaseurl=http://mirror.example/\nenabled=1\n")
    assert call(["yum", "-y", "install", "cloud-init", "dracut-modules-growroot"], seven) == 0
    assert call(["yum", "clean", "all"], seven) == 0


def test_an_update_brings_a_kernel_whose_entry_has_the_arguments_of_the_old_one(seven, capsys):
    seven.write(
        "/etc/default/grub",
        'GRUB_TIMEOUT=1\nGRUB_DEFAULT=saved\nGRUB_CMDLINE_LINUX="a=b"\nGRUB_CMDLINE_LINUX_DEFAULT="console=ttyS0"\n',
    )
    assert call(["grub2-mkconfig", "-o", "/boot/nowhere/grub.cfg"], seven) == 1
    seven.path("/boot/grub2").mkdir()
    assert call(["grub2-mkconfig", "-o", "/boot/grub2/grub.cfg"], seven) == 0
    title = "Red Hat Enterprise Linux Server (3.10.0-1160.el7.x86_64) 7.9 (Maipo)"
    call(["grub2-set-default", title], seven)
    register(seven)
    assert call(["yum", "-y", "update"], seven) == 0
    lines = seven.path("/boot/grub2/grub.cfg").read_text().splitlines()
    kernels = [line.strip() for line in lines if "linux16" in line]
    assert kernels == [
        f"linux16 /boot/vmlinuz-3.10.0-{one}.el7.x86_64 root=UUID=11-22 ro a=b console=ttyS0"
        for one in ("1160.119.1", "1160")
    ]
    capsys.readouterr()
    call(["grubby", "--default-kernel"], seven)
    assert capsys.readouterr().out == "/boot/vmlinuz-3.10.0-1160.119.1.el7.x86_64\n"
    call(["grubby", "--update-kernel=ALL", "--args=console=tty0 quiet", "--remove-args=a"], seven)
    assert seven.path("/boot/grub2/grub.cfg").read_text().count("ro console=tty0 quiet\n") == 2
    assert seven.path("/boot/grub2/grubenv").stat().st_size == 1024


def test_with_grub_legacy_a_new_kernel_starts_only_where_sysconfig_says_so(six, capsys):
    conf = (
        "default=0\ntimeout=1\ntitle Red Hat Enterprise Linux (2.6.32-754.el6.x86_64)\n\troot (hd0,0)\n"
        "\tkernel /boot/vmlinuz-2.6.32-754.el6.x86_64 ro root=UUID=11-22 quiet\n"
        "\tinitrd /boot/initramfs-2.6.32-754.el6.x86_64.img\n"
    )
    register(six)
    capsys.readouterr()
    for default, setting in (("35.1.", "yes"), ("", "no")):
        six.write("/boot/grub/grub.conf", conf)
        six.write("/etc/sysconfig/kernel", f"UPDATEDEFAULT={setting}\n")
        six.keep(one for one in six.installed() if "35.1" not in one.release)
        for name in ("vmlinuz-{}", "initramfs-{}.img"):
            six.path(f"/boot/{name.format('2.6.32-754.35.1.el6.x86_64')}").unlink(missing_ok=True)
        assert call(["yum", "-y", "update"], six) == 0
        capsys.readouterr()
        call(["grubby", "--default-kernel"], six)
        assert capsys.readouterr().out == f"/boot/vmlinuz-2.6.32-754.{default}el6.x86_64\n"


def test_dracut_shows_growroot_once_its_package_is_there_and_keeps_the_payloads_own_part(
    six, capsys, tool_on_path
):
    tool_on_path("cpio")
    image = "/boot/initramfs-2.6.32-754.el6.x86_64.img"
    assert call(["dracut", image, "2.6.32-754.el6.x86_64"], six) == 1
    assert "without --force" in capsys.readouterr().err
    assert call(["dracut", "-f", "/boot/new.img", "2.6.32-1.el6.x86_64"], six) == 1
    six.write("/etc/yum.repos.d/own.repo", "[own]\nname=own\nbaseurl=http://mirror.example/\n")
    call(["yum", "-y", "install", "dracut-modules-growroot"], six)
    for _ in range(2):
        assert call(["dracut", "-f", image, "2.6.32-754.el6.x86_64"], six) == 0
    capsys.readouterr()
    call(["lsinitrd", image], six)
    assert "usr/share/dracut/hooks/pre-pivot/99growroot.sh" in capsys.readouterr().out
    data = six.path(image).read_bytes()
    assert data.endswith(b"\0initramfs")
    assert data.count(b"TRAILER!!!") == 1
    listing = subprocess.run(["cpio", "-t"], input=data, capture_output=True).stdout.decode().splitlines()
    assert "etc/systemd/network/99-default.link" in listing


def test_the_package_list_is_a_database_that_rpm_reads(seven, tool_on_path):
    tool_on_path("rpm")
    listed = subprocess.run(
        ["rpm", "--dbpath", seven.path("/var/lib/rpm"), "-qa"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "kernel-3.10.0-1160.el7.x86_64" in listed
    assert len(listed) == len(seven.installed()) > 50
