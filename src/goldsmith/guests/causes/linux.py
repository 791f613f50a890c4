"""Failures of any Linux guest; those of the firmware that starts it are in firmware.py.

Sources: the Linux kernel's printk texts, dracut's modules 98dracut-systemd and 99base, systemd's emergency.service,
Beaker's expression for panics, cloud-init.
"""

import re

from goldsmith.guests.causes.failure import Failure, detail
from goldsmith.guests.causes.firmware import FIRMWARE

_ROOT = (
    detail(r"Warning: (\S+) does not exist", ": {1} does not exist", every=True),
    detail(r"Timed out waiting for device (\S+?)[.:]", ": {1} did not appear"),
)

PANIC = Failure(  # after this a guest answers no more; it may live on after the others
    re.compile(r"Kernel panic - not syncing: (.*)"),
    "the kernel panicked: {1}",
    "read the console above it; give the machine more memory, or another CPU model",
    example="[    2.113] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    source="kernel/panic.c",
)
KERNEL = (
    PANIC,
    Failure(
        re.compile(r"Out of memory: Kill(?:ed)? process \d+ \((anaconda|loader)\)"),
        "the guest ran out of memory and killed {1}",
        "raise machine.memory",
        example="Out of memory: Kill process 1432 (anaconda) score 771 or sacrifice child",
        source="mm/oom_kill.c",
    ),
    Failure(
        re.compile(r"Out of memory: Kill(?:ed)? process \d+ \(([^)]*)\)"),
        "the guest ran out of memory and killed {1}",
        "raise machine.memory",
        waits=True,  # it may have been one that others do without
        example="Out of memory: Killed process 812 (updatedb) total-vm:94372kB, anon-rss:61180kB",
        source="mm/oom_kill.c",
    ),
    Failure(
        re.compile(r"I/O error,? (?:on )?(?:dev|device) ((?:vd|sd)[a-z]+)\d*"),
        "the guest could not read or write {1}",
        "see that the host's file system is not full, and that the disk of the host is sound (dmesg)",
        example="blk_update_request: I/O error, dev vda, sector 2099200",
        source="block/blk-core.c",
    ),
    Failure(
        re.compile(r"kernel BUG at (\S+?)!|(general protection fault)(?! ip:)|\bOops: (\d+)"),
        "the kernel met an error of its own: {1}{2}{3}",
        "another CPU model or virt type may help; the lines after it are for the kernel's makers",
        waits=True,  # the kernel may live on
        example="kernel BUG at fs/ext4/inode.c:2721!",
        source="Beaker's expression for panics",
    ),
    Failure(
        re.compile(r"INFO: task (\S+) blocked for more than \d+ seconds"),
        "{1} waited for the disk without end",
        "is the host's disk overloaded, or full? see goldsmith doctor",
        waits=True,
        example="INFO: task jbd2/vda1-8:312 blocked for more than 120 seconds.",
        source="kernel/hung_task.c",
    ),
)

EARLY_BOOT = (
    Failure(
        re.compile(
            r"Warning: Could not boot\.|Starting Dracut Emergency Shell|Entering emergency mode\. Exit the shell|"
            r"dracut:/#|Generating \"/run/initramfs/rdsosreport"
        ),
        "the early boot ended in dracut's emergency shell",
        "a device that does not appear: of an installer, compare the medium's sha256; of an image, its driver must "
        "be in the initramfs (disk.bus)",
        consequence=True,  # of an address that the installer's second stage is not at, for one
        details=_ROOT,
        example="Warning: /dev/disk/by-label/RHEL-7.9\\x20Server.x86_64 does not exist\nEntering emergency mode. "
        "Exit the shell to continue.",
        source="dracut, modules.d/98dracut-systemd",
    ),
    Failure(
        re.compile(r"dracut-initqueue timeout"),
        "the early boot waits for a device",
        "a slow host may need longer (machine.timeouts); else compare the medium's sha256",
        vague=True,
        waits=True,
        reach=0,  # a guest that comes to another phase has found it
        details=_ROOT,
        example="dracut-initqueue[291]: Warning: dracut-initqueue timeout - starting timeout scripts",
        source="dracut, modules.d/98dracut-systemd/dracut-initqueue.sh",
    ),
    Failure(
        re.compile(
            r"No root device found|Can't mount root filesystem|Boot has failed, sleeping forever|"
            r"Dropping to debug shell"
        ),
        "the early boot did not find the root file system",
        "is the driver of disk.bus in the initramfs, and root= right in grub.conf?",
        example="dracut Warning: Boot has failed, sleeping forever.",
        source="dracut 004 of RHEL 6",
    ),
    Failure(
        re.compile(
            r"You are in (?:emergency|rescue) mode|Welcome to emergency mode|Give root password for maintenance"
        ),
        "systemd gave up and started its emergency shell",
        "a file system of /etc/fstab may be missing; systemctl --failed in the guest names it",
        details=(
            detail(r"Timed out waiting for device (\S+?)[.:]?$", ": {1} did not appear"),
            detail(r"Dependency failed for (\S+?)\.?$", "; {1} was not mounted"),
        ),
        example='You are in emergency mode. After logging in, type "journalctl -xb" to view system logs.',
        source="systemd, units/emergency.service",
    ),
)

FIRST_BOOT = (
    Failure(
        re.compile(r"no datasource found! Likely bad things"),
        "cloud-init found no data source",
        "datasource_list of the image must hold the cloud's, and NoCloud while it is built",
        waits=True,
        example="Can not apply stage final, no datasource found! Likely bad things to come!",
        source="cloud-init, cmd/main.py",
    ),
    Failure(
        re.compile(
            r"Failed to start (?:LSB: )?(Initial cloud-init job|Cloud-init: \S+|cloud-init\S*|OpenSSH \S+ \S+|"
            r"OpenBSD Secure Shell server|ssh(?:d)?\.service\S*)"
        ),
        "{1} did not start",
        "journalctl -u of that unit in the guest says why",
        waits=True,
        example="[FAILED] Failed to start OpenBSD Secure Shell server.",
        source="systemd's status lines",
    ),
    Failure(
        re.compile(r"Calling 'http://169\.254\.169\.254/[^']*' failed"),
        "cloud-init asks a metadata server that is not there",
        "it finds no seed: is NoCloud in datasource_list, and the seed's CD seen?",
        waits=True,
        example="Calling 'http://169.254.169.254/2009-04-04/meta-data/instance-id' failed [100/120s]: "
        "request error",
        source="cloud-init, url_helper.py",
    ),
)

BOOT = (*EARLY_BOOT, *KERNEL, *FIRMWARE, *FIRST_BOOT)
