"""Audits of phony guests through the real libguestfs: a Debian with some litter, a hostile RHEL 7, one on volumes."""

import subprocess
from pathlib import Path

import pytest

from goldsmith.audit.appliance import converse
from goldsmith.audit.disks import filesystems, find_disk, partitions
from goldsmith.audit.facts import Expected
from goldsmith.audit.run import audit
from goldsmith.audit.systems import inspected, plain_linux
from goldsmith.host import accel, guestfs
from goldsmith.host.process import LocalHost

pytestmark = pytest.mark.real
SECRET = "correct-horse-battery-staple"
MIB = 1 << 20

MAKE = r"""
run
part-init /dev/sda mbr
part-add /dev/sda primary 2048 -2048
mkfs ext4 /dev/sda1 label:root
mount /dev/sda1 /
mkdir-p /etc/ssh
mkdir-p /etc/cloud
mkdir-p /etc/systemd/system/cloud-init.target.wants
mkdir-p /etc/systemd/system/multi-user.target.wants
mkdir-p /boot/grub
mkdir-p /usr/bin
mkdir-p /usr/lib
mkdir-p /var/lib/dpkg
mkdir-p /var/log/apt
mkdir-p /var/spool/mail
mkdir-p /tmp
ln-s usr/bin /bin
ln-s usr/lib /lib
ln-s spool/mail /var/mail
write /etc/fstab "LABEL=root / ext4 defaults 0 1\n"
write /etc/debian_version "12.5\n"
write /etc/passwd "root:x:0:0:root:/root:/bin/bash\n"
write /etc/group "root:x:0:\n"
write /etc/shadow "root:!*:19000::::::\n"
write /etc/sudoers "root ALL=(ALL:ALL) ALL\n"
write /etc/ssh/sshd_config "PasswordAuthentication no\n"
write /etc/cloud/cloud.cfg "datasource_list: [ConfigDrive, Ec2]\n"
touch /etc/machine-id
ln-s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
ln-s /lib/systemd/system/cloud-init.service /etc/systemd/system/cloud-init.target.wants/cloud-init.service
ln-s /lib/systemd/system/cloud-config.service /etc/systemd/system/cloud-init.target.wants/cloud-config.service
ln-s /lib/systemd/system/cloud-final.service /etc/systemd/system/cloud-init.target.wants/cloud-final.service
ln-s /lib/systemd/system/cil.service /etc/systemd/system/cloud-init.target.wants/cloud-init-local.service
ln-s /lib/systemd/system/ssh.service /etc/systemd/system/multi-user.target.wants/ssh.service
write /boot/vmlinuz-6.1.0-18-amd64 "kernel"
write /boot/initrd.img-6.1.0-18-amd64 "initrd"
write /boot/grub/grub.cfg "menuentry 'Debian' {\nlinux /vmlinuz root=LABEL=root console=ttyS0\ninitrd /initrd.img\n}\n"
ln-s boot/vmlinuz-6.1.0-18-amd64 /vmlinuz
ln-s /boot/initrd.img-6.1.0-18-amd64 /initrd.img
write /var/lib/dpkg/status "Package: cloud-init\nStatus: install ok installed\nVersion: 22.4\n\n"
write-append /var/lib/dpkg/status "Package: cloud-guest-utils\nStatus: deinstall ok config-files\nVersion: 1\n"
write /etc/ssh/ssh_host_rsa_key "key"
write /var/log/apt/term.log "said"
upload /bin/bash /usr/bin/bash
write /etc/gone "SECRET"
sync
rm /etc/gone
umount /
part-init /dev/sdb mbr
part-add /dev/sdb primary 2048 819199
part-add /dev/sdb primary 819200 -2048
mkfs xfs /dev/sdb1 label:root
mkswap /dev/sdb2
mount /dev/sdb1 /
mkdir-p /etc/ssh
mkdir /bin
mkdir /root
mkdir /var
mkdir /home
write /etc/fstab "LABEL=root / xfs defaults 0 0\n"
write /etc/redhat-release "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n"
mkfifo 0600 /etc/shadow
write /etc/passwd "root:x:0:0:root:/root:/bin/bash\n"
ln-s /../../../../../etc/group /etc/group
ln-s /etc /var/log
ln-s /var /home/up
ln-s /root/loop /root/loop
mkdir "/root/a\"; !touch hurt"
touch "/root/a\"; !touch hurt/authorized_keys"
touch /etc/hostname
truncate-size /etc/hostname 3000000
umount /
part-init /dev/sdc gpt
part-add /dev/sdc primary 2048 67583
part-add /dev/sdc primary 67584 198655
part-add /dev/sdc primary 198656 200703
part-add /dev/sdc primary 200704 -2048
mkfs vfat /dev/sdc1 label:EFI
mkfs ext4 /dev/sdc2 label:boot
pvcreate /dev/sdc4
vgcreate rhel-a /dev/sdc4
lvcreate root rhel-a 96
lvcreate swap rhel-a 16
mkfs ext4 /dev/rhel-a/root
mkswap /dev/rhel-a/swap
mount /dev/rhel-a/root /
mkdir-p /usr/bin
mkdir /etc
ln-s usr/bin /bin
upload /bin/bash /usr/bin/bash
write /etc/fstab "/dev/mapper/rhel--a-root / ext4 defaults 0 0\nLABEL=boot /boot ext4 defaults,ro 0 0\n"
write-append /etc/fstab "LABEL=EFI  /boot/efi vfat umask=0077,shortname=winnt 0\t0\n# more\n\n"
write-append /etc/fstab "/dev/rhel-a/swap none swap sw 0 0\n/usr /data none bind 0 0\n"
write-append /etc/fstab "/dev/sr0 /media/cd udf,iso9660 ro\n"
write /etc/os-release "NAME=\"RHEL\"\nID=\"rhel\"\n"
write-append /etc/os-release "VERSION_ID=\"8.10\"\nPRETTY_NAME=\"Red Hat Enterprise Linux 8.10 (Ootpa)\"\n"
umount /
"""


@pytest.fixture(scope="session")
def guests(tmp_path_factory: pytest.TempPathFactory):
    folder = Path(tmp_path_factory.mktemp("guests"))
    debian, rhel, volumes = (folder / f"{name}.qcow2" for name in ("debian", "rhel", "volumes"))
    for path, size in ((debian, "64M"), (rhel, "600M"), (volumes, "256M")):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, size], check=True)
    host = LocalHost()
    env = guestfs.environment(accel.detect(host, state=folder), cache=Path("/var/tmp"))
    disks = [word for path in (debian, rhel, volumes) for word in ("--format=qcow2", "-a", str(path))]
    host.run("guestfish", *disks, env=env, stdin=MAKE.replace("SECRET", SECRET))
    return debian, rhel, volumes, env


def told(report):
    return {one.id: (str(one.status), one.detail) for one in report.checks}


def test_a_debian_passes_but_for_its_litter(guests):
    debian, _, _, env = guests
    found = told(
        audit(
            debian,
            host=LocalHost(),
            env=env,
            format="qcow2",
            expected=Expected(virtual_size=64 * MIB, distro="debian", major=12),
            secrets=[SECRET],
        )
    )
    poor = {ident: detail for ident, (status, detail) in found.items() if status in ("failed", "warning")}
    assert sorted(poor) == ["O-L11", "O-L16", "O-L21", "O-L32", "O-L40", "O-S1"]
    assert poor["O-L11"].startswith("neither;")
    assert "packed in a way that is not known here (it begins with 696e69747264)" in poor["O-L40"]
    assert poor["O-L16"].startswith("/etc/ssh/ssh_host_rsa_key;")
    assert poor["O-L21"].startswith("cloud-guest-utils missing;")
    assert poor["O-L32"].startswith("/var/log/apt/term.log;")
    assert poor["O-S1"].startswith("secret 1 as plain text at byte ")
    assert found["O-L45"] == ("ok", "/boot/vmlinuz-6.1.0-18-amd64")
    assert found["O-C9"] == ("ok", "/dev/sda1 (ext4)")


def test_a_hostile_guest_hides_nothing_and_reaches_nothing(guests, tmp_path, monkeypatch):
    _, rhel, _, env = guests
    monkeypatch.chdir(tmp_path)
    report = audit(rhel, host=LocalHost(), env=env)
    found = told(report)
    assert (report.profile, report.system) == ("rhel7", "Red Hat Enterprise Linux Server release 7.9 (Maipo)")
    assert found["O-C8"][1].startswith("/dev/sda2 behind /dev/sda1;")
    assert found["O-C9"] == ("ok", "/dev/sda1 (xfs)")
    assert found["O-L12"][1].startswith("/etc/shadow was not read: it is no plain file;")
    assert found["O-L15"][1].startswith('/root/a"; !touch hurt/authorized_keys;')
    assert "/var/log was not looked at: a link leads there" in found["O-L32"][1]
    assert "/home/up was not looked at" in found["O-L33"][1]
    assert "3000000 bytes, the limit is" in found["O-L36"][1]
    assert list(tmp_path.rglob("hurt*")) == []


def test_a_plain_linux_is_known_by_its_files_as_libguestfs_inspects_it(guests):
    _, _, volumes, env = guests

    def talk(appliance):
        appliance.ask("run", must=True)
        disk = find_disk(appliance, "/dev/sda")
        known = plain_linux(appliance, disk, list(filesystems(appliance, disk)))
        return known, disk.parts, inspected(appliance), tuple(partitions(appliance, "/dev/sda"))

    known, parts, systems, listed = converse(volumes, talk, driver="qcow2", host=LocalHost(), env=env)
    assert (known,) == systems
    assert known.mounts == {"/": "/dev/rhel-a/root", "/boot": "/dev/sda2", "/boot/efi": "/dev/sda1"}
    assert (known.distro, known.major, known.minor, known.arch) == ("rhel", 8, 10, "x86_64")
    assert parts == listed
    assert len(parts) == 4
