"""The virt-install command lines of the machines that Goldsmith builds in. Pure: nothing is run here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.host.domains import NETWORK

MIB = 1024 * 1024
_TPM = "backend.type=emulator,backend.version=2.0,model=tpm-crb"
_WINDOWS_CLOCK = (
    "offset=localtime,rtc_tickpolicy=catchup,pit_tickpolicy=delay,hpet_present=no,hypervclock_present=yes"
)
_HYPERV = (
    "hyperv.relaxed.state=on",
    "hyperv.vapic.state=on",
    "hyperv.spinlocks.state=on",
    "hyperv.spinlocks.retries=8191",
)
_HYPERV_SYNIC = ("hyperv.synic.state=on",)  # these need KVM: QEMU does not start with them without it
_HYPERV_BY_XML = ("vpindex", "runtime", "stimer", "frequencies")  # virt-install 4.1 has no options for them
AGENT = "unix,target.type=virtio,target.name=org.qemu.guest_agent.0"
# A kept guest's disk was moved aside, and libvirt still knows it by the path that the next build of this layer uses.
_IMPORT = ("--import", "--check", "path_in_use=off")
# virt-install 4.1 has no option for it; libvirt has it since 6.1. Guests with it reach the host, and not each other.
_ISOLATED = "xpath0.set=./port/@isolated,xpath0.value=yes"


_NOVA = ",".join(
    f"system.{name}={value}"
    for name, value in (
        ("manufacturer", "OpenStack Foundation"),
        ("product", "OpenStack Nova"),
        ("family", "Virtual Machine"),
    )
)
# QEMU forwards an address of the guest's own network alone: this is the smallest one with both 169.254.169.254 and
# private addresses in it.
_WITH_METADATA = "net=168.0.0.0/5,host=172.16.0.2,dns=172.16.0.3,dhcpstart=172.16.0.15,restrict=on"


@dataclass(frozen=True)
class Machine:
    """A build machine: ``memory`` in bytes; ``network`` is ``user``, ``network=NAME`` or ``bridge=NAME``.

    ``ssh_port`` forwards a port of 127.0.0.1 to the guest's sshd where the network is ``user``. There, with
    ``metadata_port``, 169.254.169.254 is that port of 127.0.0.1 and the guest reaches nothing else.
    ``instance`` is the UUID of an OpenStack instance that the machine shows itself to be.
    """

    name: str
    uri: str
    description: str
    virt_type: str
    memory: int
    vcpus: int
    osinfo: str
    machine_type: str
    firmware: str
    disk: Path
    bus: str
    network: str
    console: Path
    ssh_port: int | None = None
    channels: Sequence[str] = (AGENT,)
    nic: str = "virtio"
    metadata_port: int | None = None
    instance: str = ""
    mac: str = ""

    @property
    def target(self) -> str:
        """Return what libvirt calls its disk."""
        return "vda" if self.bus == "virtio" else "sda"


def anaconda_log(path: Path) -> str:
    """Return the channel on which Anaconda sends its logs, into a file."""
    return f"file,source.path={_quoted(path)},target.type=virtio,target.name=org.fedoraproject.anaconda.log.0"


def common(machine: Machine, *, disk_options: str = "") -> list[str]:
    """Return the arguments that every machine has; ``disk_options`` are further ones of its disk.

    VNC is a socket in a folder of QEMU's user, which no other user of the host can enter. A VGA device stays: without
    one GRUB can spin for ever with nothing on the console. The serial port is one that a person can write to as well
    (goldsmith shell), and libvirt keeps what it says in a file. The disk is ``cache=unsafe``: a crash throws the
    running stage away in any case.
    """
    cpu = "host-passthrough,disable=arch-capabilities" if machine.virt_type == "kvm" else "mode=maximum"
    argv = ["virt-install", "--connect", machine.uri, "--name", machine.name]
    argv += ["--metadata", f"description={_quoted(machine.description)}"]
    argv += ["--virt-type", machine.virt_type, "--cpu", cpu, "--machine", machine.machine_type]
    argv += ["--memory", str(machine.memory // MIB), "--vcpus", str(machine.vcpus)]
    argv += ["--osinfo", machine.osinfo]
    if (
        machine.instance
    ):  # as Nova does: by its product cloud-init knows that there is a metadata service to ask
        argv += ["--uuid", machine.instance, "--sysinfo", f"{_NOVA},system.uuid={machine.instance}"]
    if machine.firmware == "uefi":
        argv += ["--boot", "uefi"]
    argv += [
        "--disk",
        f"path={_quoted(machine.disk)},format=qcow2,bus={machine.bus},cache=unsafe,discard=unmap{disk_options}",
    ]
    argv += _network(machine)
    argv += ["--graphics", "vnc,listen=socket", "--video", "vga", "--sound", "none"]
    argv += ["--serial", f"pty,log.file={_quoted(machine.console)}", "--rng", "/dev/urandom"]
    for channel in machine.channels:
        argv += ["--channel", channel]
    return [*argv, "--noautoconsole"]


def install(machine: Machine, *, media: str, kickstart: Path, boot_arguments: Sequence[str]) -> list[str]:
    """Return the command that starts an install; the guest's own power-off ends it."""
    argv = common(machine)
    argv += ["--location", media, "--initrd-inject", str(kickstart), "--extra-args", " ".join(boot_arguments)]
    return [*argv, "--noreboot"]


def boot(machine: Machine, *, seed: Path | None) -> list[str]:
    """Return the command that prints the XML of a machine booting an installed disk, with its seed."""
    argv = common(machine)
    if seed:  # as a virtio disk: a cloud kernel does not see a SATA CD on q35
        argv += ["--disk", f"path={_quoted(seed)},format=raw,bus=virtio,readonly=on"]
    if machine.bus == "scsi":  # without it libvirt takes the oldest kind, which current kernels do not know
        argv += ["--controller", "type=scsi,model=virtio-scsi"]
    return [*argv, *_IMPORT, "--events", "on_reboot=restart,on_crash=preserve", "--print-xml"]


def windows(
    machine: Machine, *, discs: Sequence[Path], tpm: bool = False, secure_boot: bool = False
) -> list[str]:
    """Return the command that prints the XML of a Windows machine; with ``discs`` the first one is Setup's.

    Setup boots anew several times and virt-install's own way restarts a guest once at most, so that the machine is
    imported: the empty disk comes first in the boot order and falls through to the disc, and wins from then on.
    A controller for virtio-scsi is always there, for Windows keeps a driver ready to boot from only where its device
    was seen. What libosinfo would add is said here, since it does not know every Windows: the clock in local time,
    and what lets Windows see that it is a guest, as far as the hypervisor can do it.
    """
    argv = common(replace(machine, firmware="bios"), disk_options=",boot.order=1")
    for number, disc in enumerate(discs):
        order = ",boot.order=2" if number == 0 else ""
        argv += ["--disk", f"path={_quoted(disc)},device=cdrom,bus=sata,readonly=on{order}"]
    argv += ["--controller", "type=scsi,model=virtio-scsi"]
    argv += [*_windows_firmware(machine, secure_boot=secure_boot), "--tpm", _TPM if tpm else "none"]
    features = _HYPERV + _HYPERV_SYNIC if machine.virt_type == "kvm" else _HYPERV
    argv += ["--clock", _WINDOWS_CLOCK, "--features", ",".join(features)]
    if machine.virt_type == "kvm":
        for name in _HYPERV_BY_XML:
            argv += ["--xml", f"./features/hyperv/{name}/@state=on"]
    events = "on_reboot=restart,on_poweroff=destroy,on_crash=preserve"
    return [*argv, *_IMPORT, "--events", events, "--print-xml"]


def _windows_firmware(machine: Machine, *, secure_boot: bool) -> list[str]:
    if machine.firmware != "uefi":
        return []
    if not secure_boot:
        return ["--boot", "uefi"]
    features = ("secure-boot", "enrolled-keys")
    said = [
        f"firmware.feature{number}.name={name},firmware.feature{number}.enabled=yes"
        for number, name in enumerate(features)
    ]
    return ["--boot", f"firmware=efi,{','.join(said)}", "--features", "smm.state=on"]


def _network(machine: Machine) -> list[str]:
    if machine.network != "user":
        apart = f",{_ISOLATED}" if machine.network == f"network={NETWORK}" else ""
        return ["--network", f"{machine.network},model={machine.nic}{apart}"]
    if machine.ssh_port is None and machine.metadata_port is None:
        return ["--network", f"user,model={machine.nic}"]
    # libvirt has no port forwarding for plain user networks before passt (libvirt 9.2), so QEMU is told directly
    forward = "user,id=n0"
    if machine.ssh_port is not None:
        forward += f",hostfwd=tcp:127.0.0.1:{machine.ssh_port}-:22"
    if machine.metadata_port is not None:
        service = f"tcp:169.254.169.254:80-tcp:127.0.0.1:{machine.metadata_port}"
        forward += f",{_WITH_METADATA},guestfwd={service}"
    mac = f",mac={machine.mac}" if machine.mac else ""
    model = "virtio-net-pci" if machine.nic == "virtio" else machine.nic
    card = f"{model},netdev=n0,bus={'pci.0' if machine.machine_type == 'pc' else 'pcie.0'},addr=0x10"
    return ["--network", "none", f"--qemu-commandline=-netdev {forward} -device {card}{mac}"]


def _quoted(value: object) -> str:
    """Return a value as a part of an option: virt-install splits those at commas, and reads quotes as a shell does."""
    text = str(value)
    if not any(sign in text for sign in ",'\"\\"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
