"""Two good boots as plain values, for each kind of guest, and ways to spoil them."""

import json
from dataclasses import replace

from goldsmith.audit.check import Profile
from goldsmith.boottest.facts import Boot, Heard, Ssh, Trial
from goldsmith.boottest.hardware import promised
from goldsmith.boottest.seed import Instance, Source
from goldsmith.host.shell import KeyPair

GIB = 1 << 30
PROMISES = {
    Profile.DEBIAN: {"os_distro": "debian", "os_version": "12", "hw_qemu_guest_agent": "yes"},
    Profile.RHEL7: {"os_distro": "rhel", "os_version": "7.9", "hw_qemu_guest_agent": "yes"},
    Profile.RHEL6: {"os_distro": "rhel", "os_version": "6.10", "hw_qemu_guest_agent": "yes"},
    Profile.WINDOWS: {"os_type": "windows", "os_distro": "windows", "hw_qemu_guest_agent": "yes"},
}
RESULT = json.dumps({"v1": {"datasource": "DataSourceConfigDrive [net,ver=2]", "errors": []}}, indent=1)
LINUX = {
    "uid": ["0"],
    "zone": ["+0000"],
    "machine-id": ["0123456789abcdef0123456789abcdef"],
    "host-keys": ["ssh-ed25519 AAAAed root@x", "ecdsa-sha2-nistp256 AAAAec root@x"],
    "root": ["/dev/vda1 13500000 1000000 12500000 8% /"],
    "address": ["    inet 10.0.2.15/24 brd 10.0.2.255 scope global dynamic eth0"],
    "dhcp": [],
    "routes": ["default via 10.0.2.2 dev eth0"],
    "resolver": ["nameserver 10.0.2.3"],
    "cloud-init": ["/usr/bin/cloud-init"],
    "status": ["status: done"],
    "result": RESULT.splitlines(),
    "boot-finished": ["/var/lib/cloud/instance/boot-finished"],
    "state": ["running"],
    "failed": [""],
    "token": ["t0"],
    "datasource": ["DataSourceConfigDrive: DataSourceConfigDrive [net,ver=2][source=/dev/vdb]"],
    "random": ["crng init done"],
    "random-seed": ["aa  /var/lib/systemd/random-seed"],
}
RED_HAT = {
    "selinux": ["Enforcing"],
    "selinux-wanted": ["enforcing"],
    "subscription": ["ls: cannot access /etc/pki/consumer/cert.pem: No such file or directory"],
}
WINDOWS = {
    "image-state": ["IMAGE_STATE_COMPLETE"],
    "cloudbase": [
        "there",
        "INFO init Metadata service loaded: 'ConfigDriveService'",
        "Plugins execution done",
    ],
    "cloudbase-errors": [],
    "root": [str(13 * GIB)],
    "address": ["10.0.2.15 dhcp=True"],
    "machine-id": ["S-1-5-21-1-2-3"],
    "drivers": ["asked"],
    "rdp": ["denied=0", "port=3389", "service=Running", "listening=True"],
}


def boot(number, profile):
    heard = Heard()
    for line in (
        "[    0.000000] Linux version 6.1.0",
        "ci-info: +++++Authorized keys from /home/cloud/.ssh/authorized_keys for user cloud++++",
        "<14>cloud-init: ecdsa-sha2-nistp256 AAAAec root@x",
        "Cloud-init v. 22.4.2 finished at now. Datasource DataSourceConfigDrive [net,ver=2]. Up 30 s",
        f"boot{number} login: ",
    ):
        heard.take(line)
    windows = profile is Profile.WINDOWS
    seen = dict(WINDOWS if windows else LINUX | (RED_HAT if profile != Profile.DEBIAN else {}))
    seen["hostname"] = [f"BOOT{number}" if windows else f"boot{number}.novalocal"]
    if profile is Profile.RHEL6:
        del seen["state"]
    if number == 2:
        seen["machine-id"] = ["S-1-5-21-9-9-9"] if windows else ["f" * 32]
        seen["host-keys"] = ["ssh-ed25519 AAAAother root@x"]
        seen["datasource"] = ["DataSourceOpenStackLocal: DataSourceOpenStackLocal [net,ver=2]"]
        seen["random-seed"] = ["bb  /var/lib/systemd/random-seed"]
        if windows:
            seen["cloudbase"] = ["INFO init Metadata service loaded: 'HttpService'", "Plugins execution done"]
    user = promised(PROMISES[profile], min_ram=0, profile=profile).user
    ssh = Ssh(
        host_key="ecdsa-sha2-nistp256 AAAAec",
        user=user,
        methods={user: ("publickey",), "root": ("publickey",)},
        root=f"Please login as the user {user}",
        sudo="0",
    )
    source = Source.SERVICE if number == 2 else Source.DRIVE
    instance = Instance(number, f"id-{number}", f"boot{number}", "t0", KeyPair("secret", "public"), source)
    return Boot(
        instance, heard, None if windows else ssh, agent=True, seen=seen, seconds=40.0, off=5.0, user=user
    )


def trial(profile):
    hardware = promised(PROMISES[profile], min_ram=0, profile=profile)
    return Trial(hardware, 8 * GIB, 13 * GIB, boot(1, profile), boot(2, profile))


def first(**changes):
    return lambda good: replace(good, first=replace(good.first, **changes))


def seen(**answers):
    """Change what was found within the first guest; underscores of names are dashes."""

    def change(good):
        given = {name.replace("_", "-"): lines for name, lines in answers.items()}
        return replace(good, first=replace(good.first, seen={**good.first.seen, **given}))

    return change


def second(**changes):
    return lambda good: replace(good, second=replace(good.second, **changes))


def seen_by_second(**answers):
    """Change what was found within the second guest; underscores of names are dashes."""

    def change(good):
        given = {name.replace("_", "-"): lines for name, lines in answers.items()}
        return second(seen={**good.second.seen, **given})(good)

    return change


def ssh(**changes):
    return lambda good: first(ssh=replace(good.first.ssh, **changes))(good)


def heard(**changes):
    return lambda good: first(heard=replace(good.first.heard, **changes))(good)


def twins(name):
    """Let the second instance answer as the first did."""
    return lambda good: replace(
        good, second=replace(good.second, seen={**good.second.seen, name: good.first.seen[name]})
    )


def failing(**v1):
    return json.dumps({"v1": {"datasource": "DataSourceConfigDrive", "errors": [], **v1}}).splitlines()


DEBIAN, RHEL6, RHEL7, WIN = Profile.DEBIAN, Profile.RHEL6, Profile.RHEL7, Profile.WINDOWS
SMALL = "/dev/vda1 8000000 1000000 7000000 13% /"

# check, guest, what is spoiled, words of the finding
SPOILED = [
    ("B-L1", DEBIAN, heard(prompt=False), "the kernel speaks there, but no getty"),
    ("B-L1", DEBIAN, heard(prompt=False, kernel=False), "nothing of the kernel"),
    ("B-L2", DEBIAN, first(ssh=None), "no sshd answered"),
    ("B-L2", DEBIAN, ssh(user=""), "refused for debian; cloud-init gave the key to cloud"),
    ("B-L2", DEBIAN, ssh(user="cloud"), "it lets cloud in; expected debian"),
    ("B-L3", DEBIAN, ssh(sudo="sudo: a password is required"), "a password is required"),
    ("B-L4", DEBIAN, ssh(root="0"), "the key gives root a shell"),
    ("B-L5", DEBIAN, ssh(methods={"debian": ("publickey", "password")}), "debian may try password"),
    ("B-L5", RHEL7, ssh(methods={"root": ("keyboard-interactive",)}), "root may try keyboard-interactive"),
    (
        "B-L6",
        DEBIAN,
        ssh(host_key="ssh-rsa AAAAstranger"),
        "ssh-rsa key that SSH shows is not known to the console",
    ),
    ("B-C1", DEBIAN, seen(hostname=["localhost"]), "localhost; expected boot1"),
    ("B-C1", WIN, seen(hostname=["WIN-4711"]), "WIN-4711; expected boot1"),
    ("B-C2", DEBIAN, seen(root=[SMALL]), "7.6 GiB of a disk of 13 GiB; expected more than the 8 GiB"),
    ("B-C2", WIN, seen(root=[str(8 * GIB - 1)]), "of a disk of 13 GiB"),
    ("B-L7", RHEL6, seen(root=[SMALL]), "7.6 GiB of a disk"),
    ("B-L8", DEBIAN, seen(address=[]), "no address"),
    (
        "B-L8",
        RHEL6,
        seen(address=["inet 10.0.0.9/24 scope global eth0"]),
        "10.0.0.9/24 on eth0, from no DHCP",
    ),
    ("B-L9", DEBIAN, seen(result=failing(errors=["('growpart', KeyError)"])), "('growpart', KeyError)"),
    ("B-L9", DEBIAN, seen(status=["status: error"]), "status: error"),
    ("B-L9", RHEL6, seen(status=[], boot_finished=[]), "not done yet: no boot-finished"),
    ("B-L10", DEBIAN, seen(datasource=["DataSourceNone: DataSourceNone"]), "DataSourceNone"),
    ("B-L11", DEBIAN, seen(token=[]), "no such file"),
    ("B-L11", DEBIAN, seen(token=["t1"]), "another content"),
    ("B-L12", DEBIAN, seen(failed=["● fail.service loaded failed failed X"]), "fail.service"),
    ("B-L13", DEBIAN, seen(resolver=[]), "no nameserver"),
    ("B-L14", RHEL7, seen(routes=["169.254.0.0/16 dev eth0 scope link"]), "169.254.0.0/16 dev eth0"),
    ("B-L15", RHEL7, seen(selinux=["Disabled"]), "Disabled; expected enforcing"),
    ("B-L16", RHEL7, seen(subscription=["/etc/pki/consumer/cert.pem"]), "/etc/pki/consumer/cert.pem"),
    ("B-L17", DEBIAN, first(skew=-3600.0), "-3600 s"),
    ("B-L17", DEBIAN, seen(zone=["+0900"]), "zone +0900"),
    ("B-C3", DEBIAN, first(agent=False), "no answer"),
    ("B-C4", DEBIAN, first(off=None), "still on"),
    ("B-C4", WIN, first(off=None), "still on"),
    ("B-L18", DEBIAN, seen(machine_id=[]), "none"),
    ("B-L18", DEBIAN, seen(machine_id=["uninitialized"]), "uninitialized"),
    ("B-L19", DEBIAN, seen(host_keys=[]), "none"),
    ("B-L20", DEBIAN, twins("machine-id"), "both are 0123456789abcdef"),
    ("B-L21", DEBIAN, twins("host-keys"), "both have the same ecdsa-sha2-nistp256, ssh-ed25519 key"),
    (
        "B-L22",
        DEBIAN,
        seen_by_second(datasource=["DataSourceNone: DataSourceNone"]),
        "DataSourceNone; it asked 169.254.169.254 for nothing",
    ),
    (
        "B-L22",
        RHEL6,
        lambda good: second(asked=("GET /openstack 200", "GET /openstack/latest/x 404"))(
            seen_by_second(datasource=[])(good)
        ),
        "it asked 2 times, last GET /openstack 200, GET /openstack/latest/x 404",
    ),
    ("B-C5", DEBIAN, seen_by_second(hostname=["boot1"]), "boot1; expected boot2"),
    ("B-C5", WIN, seen_by_second(hostname=["BOOT1"]), "BOOT1; expected boot2"),
    ("B-L23", DEBIAN, second(user=""), "its key lets nobody in, by the metadata service"),
    ("B-L23", DEBIAN, seen_by_second(token=[]), "no such file, by the metadata service"),
    ("B-L23", RHEL7, seen_by_second(token=["old"]), "another content"),
    ("B-L24", DEBIAN, seen(random=[]), "the kernel does not say so"),
    ("B-L25", DEBIAN, twins("random-seed"), "both have the same"),
    (
        "B-W6",
        WIN,
        seen_by_second(cloudbase=["Metadata service loaded: 'EmptyService'"]),
        "'EmptyService'; it asked 169.254.169.254 for nothing",
    ),
    ("B-W1", WIN, seen(image_state=["IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE"]), "IMAGE_STATE_SPECIALIZE"),
    ("B-W2", WIN, seen(cloudbase=[]), "it has no log"),
    ("B-W2", WIN, seen(cloudbase=["there"]), "its log tells no end"),
    ("B-W3", WIN, seen(cloudbase_errors=["plugin X failed with error"]), "plugin X failed"),
    ("B-W4", WIN, seen(address=["169.254.1.1 dhcp=True"]), "169.254.1.1"),
    (
        "B-W7",
        WIN,
        seen(drivers=["asked", "PCI Device PCI\\VEN_1AF4 (code 28)"]),
        "PCI Device PCI\\VEN_1AF4 (code 28)",
    ),
    (
        "B-W8",
        WIN,
        seen(rdp=["denied=0", "port=3389", "service=Stopped", "listening=False"]),
        "nothing listens at port 3389, TermService is Stopped",
    ),
    ("B-W5", WIN, twins("machine-id"), "both are S-1-5-21-1-2-3"),
]
