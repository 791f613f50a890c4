import pytest

from goldsmith.media.installer.answers import Bootloader, Network, Partition, Storage
from goldsmith.media.installer.boot import read_boot
from goldsmith.media.installer.disks import Disk, lay_out, with_uuids
from goldsmith.media.installer.grub import Kernel, arguments, bootloader_steps
from goldsmith.media.installer.steps import Link, Note, Run, Say, Write
from goldsmith.media.installer.system import configuration_steps, network_steps
from goldsmith.media.installer.voice import voice

SERIAL = read_boot("inst.ks=file:/ks.cfg net.ifnames=0 quiet console=tty0 console=ttyS0,115200n8")
KERNEL = Kernel("6.1.0-1-cloud-amd64")


def layout(*parts):
    storage = Storage(partitions=parts or (Partition("/", "ext4", 1024),), clear=True, initialise=True)
    made = lay_out(storage, {"vda": Disk("vda", 3 << 30)})
    return with_uuids(made, [f"UUID-{number}" for number, _ in enumerate(made.volumes, 1)])


@pytest.fixture
def steps_for(kickstart, seven):
    def steps(more=""):
        return configuration_steps(kickstart(seven + more), layout(), voice(7))

    return steps


def written(steps):
    return {one.path: one.text for one in steps if isinstance(one, Write)}


def programs(steps):
    return [one.argv for one in steps if isinstance(one, Run)]


def test_the_serial_console_comes_last_and_only_once():
    both = Bootloader(append="console=tty0 console=ttyS0,115200n8")
    assert arguments(both, SERIAL) == "net.ifnames=0 console=tty0 console=ttyS0,115200n8"
    assert arguments(Bootloader(append="net.ifnames=0"), SERIAL) == "net.ifnames=0 console=ttyS0,115200n8"


def test_another_spelling_of_the_console_stays_and_loses():
    spelled = Bootloader(append="console=tty0 console=ttyS0")
    assert arguments(spelled, SERIAL).endswith("console=tty0 console=ttyS0 console=ttyS0,115200n8")


def test_without_a_serial_console_nothing_is_added():
    assert arguments(Bootloader(append="x=1"), read_boot("console=tty0")) == "x=1"


def test_grub_goes_into_the_mbr_with_root_by_uuid():
    steps = bootloader_steps(Bootloader(append="net.ifnames=0", timeout=1), layout(), KERNEL, SERIAL)
    assert programs(steps) == [("grub-install", "--target=i386-pc", "--no-floppy", "/dev/vda")]
    files = written(steps)
    assert 'GRUB_CMDLINE_LINUX="net.ifnames=0 console=ttyS0,115200n8"' in files["/etc/default/grub"]
    assert 'GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"' in files["/etc/default/grub"]
    menu = files["/boot/grub/grub.cfg"]
    assert "search --no-floppy --fs-uuid --set=root UUID-1" in menu
    assert "\tlinux /boot/vmlinuz-6.1.0-1-cloud-amd64 root=UUID=UUID-1 ro net.ifnames=0 console=ttyS0" in menu
    assert "set timeout=1" in menu


def test_a_boot_partition_of_its_own_shortens_the_paths():
    parts = (Partition("/boot", "ext4", 300), Partition("/", "xfs", 1024))
    menu = written(bootloader_steps(None, layout(*parts), KERNEL, SERIAL))["/boot/grub/grub.cfg"]
    assert "insmod ext2\nsearch --no-floppy --fs-uuid --set=root UUID-1" in menu
    assert "\tlinux /vmlinuz-6.1.0-1-cloud-amd64 root=UUID=UUID-2 ro" in menu


def test_no_boot_loader_where_none_is_wanted():
    (step,) = bootloader_steps(Bootloader(location="none"), layout(), KERNEL, SERIAL)
    assert isinstance(step, Note)


def test_language_clock_and_keyboard(steps_for):
    steps = steps_for()
    files = written(steps)
    assert files["/etc/default/locale"] == "LANG=en_US.UTF-8\n"
    assert files["/etc/timezone"] == "UTC\n"
    assert files["/etc/adjtime"].endswith("UTC\n")
    assert 'XKBLAYOUT="us"' in files["/etc/default/keyboard"]
    assert Link("/etc/localtime", "/usr/share/zoneinfo/UTC") in steps
    assert ("locale-gen",) not in programs(steps)


def test_a_language_that_the_payload_lacks_is_generated(kickstart, seven):
    steps = configuration_steps(kickstart(seven.replace("en_US", "de_DE")), layout(), voice(7))
    assert written(steps)["/etc/locale.gen"] == "de_DE.UTF-8 UTF-8\n"
    assert ("locale-gen",) in programs(steps)


def test_the_phases_are_announced_as_anaconda_does(steps_for):
    said = [one.text for one in steps_for() if isinstance(one, Say)]
    assert said == ["Configuring installed system", "Writing network configuration", "Creating users"]


def test_passwords_go_through_stdin_alone(kickstart, seven):
    more = "user --name=bob --password=hunter2 --plaintext\n"
    text = seven.replace("rootpw --lock", "rootpw --iscrypted $6$salt$hash") + more
    steps = configuration_steps(kickstart(text), layout(), voice(7))
    assert Run(("chpasswd", "--encrypted"), chroot=True, stdin="root:$6$salt$hash\n") in steps
    assert Run(("chpasswd",), chroot=True, stdin="bob:hunter2\n") in steps
    assert not any("hunter2" in word or "$6$" in word for argv in programs(steps) for word in argv)


def test_root_is_locked_when_the_kickstart_says_nothing(kickstart, seven):
    steps = configuration_steps(kickstart(seven.replace("rootpw --lock\n", "")), layout(), voice(7))
    assert ("usermod", "--lock", "root") in programs(steps)


def test_a_user_gets_groups_and_keys(steps_for):
    more = 'user --name=bob --groups=sudo,ops --gid=1500 --gecos="Bob B"\nsshkey --username=bob "ssh-rsa K"\n'
    steps = steps_for(more)
    useradd = next(argv for argv in programs(steps) if argv[0] == "useradd")
    assert useradd == (
        "useradd", "--create-home", "--shell", "/bin/bash", "--gid", "1500", "--comment", "Bob B",
        "--groups", "sudo,ops", "bob",
    )  # fmt: skip
    assert ("groupadd", "--force", "ops") in programs(steps)
    assert written(steps)["/home/bob/.ssh/authorized_keys"] == "ssh-rsa K\n"


def test_services_that_do_not_exist_stop_nothing(steps_for):
    steps = steps_for("services --enabled=ssh --disabled=kdump\n")
    assert Run(("systemctl", "enable", "ssh.service"), chroot=True, optional=True) in steps
    assert Run(("systemctl", "disable", "kdump.service"), chroot=True, optional=True) in steps


def test_network_files():
    fixed = Network(
        "eth1", dhcp=False, ip="10.0.0.5", netmask="255.255.0.0", gateway="10.0.0.1", nameservers=("9.9.9.9",)
    )
    files = written(network_steps([Network("eth0", ipv6=False), fixed, Network(hostname="h1.example.com")]))
    dhcp = files["/etc/systemd/network/50-eth0.network"]
    assert dhcp == "[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    assert files["/etc/systemd/network/50-eth1.network"] == (
        "[Match]\nName=eth1\n\n[Network]\nAddress=10.0.0.5/16\nGateway=10.0.0.1\nDNS=9.9.9.9\n"
    )
    assert files["/etc/hostname"] == "h1.example.com\n"
    assert "127.0.1.1 h1.example.com h1" in files["/etc/hosts"]


def test_link_is_any_wired_card_and_a_mac_address_is_that_card():
    assert (
        "Name=en* eth*"
        in written(network_steps([Network("link")]))["/etc/systemd/network/50-standin.network"]
    )
    (text,) = written(network_steps([Network("52:54:00:11:22:33")])).values()
    assert "MACAddress=52:54:00:11:22:33" in text


def test_a_device_that_is_not_started_at_boot_gets_no_file():
    assert written(network_steps([Network("eth0", onboot=False)])) == {}
