"""Image properties that others read, and the values they take, as data: a wrong one would be found by no one else.

Sources: Nova 34.0.0, nova/objects/fields.py and image_meta.py (what it refuses when an instance is made, days after
the upload); the SCS standard scs-0102-v1-image-metadata; Glance's useful-image-properties for the rest. A property
that is not here is free text.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What a value must be: one of these words, or of this form; ``says`` tells the form."""

    choices: tuple[str, ...] = ()
    form: str = ""
    says: str = ""

    def refusal(self, name: str, value: str) -> tuple[str, str] | None:
        """Return what is wrong with a value and what to write instead; None if nothing is."""
        if self.choices:
            fits = value in self.choices or (self is BOOLEAN and value.lower() in self.choices)
            near = difflib.get_close_matches(value.lower(), self.choices, n=1, cutoff=0.7)
            hint = f"did you mean {near[0]}? " if near else ""
            fix = f"{hint}allowed: {', '.join(self.choices)}"
        else:
            fits, fix = re.fullmatch(self.form, value) is not None, f"write {self.says}"
        return None if fits else (f"the property {name} cannot be {value!r}", fix)


def _one_of(words: str) -> Rule:
    return Rule(choices=tuple(words.split()))


BOOLEAN = Rule(choices=("yes", "no", "true", "false", "on", "off", "1", "0"))
_NUMBER = Rule(form=r"[0-9]{1,18}", says="a whole number")
_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_DISK_BUS = _one_of("virtio scsi sata ide usb fdc xen lxc uml")
_TRAIT = _one_of("required forbidden")

NOVA: Mapping[str, Rule] = {
    "architecture": _one_of(
        "x86_64 aarch64 i686 ppc64 ppc64le s390x riscv64 armv7l armv6 armv7b alpha cris i686 ia64 lm32 m68k "
        "microblaze microblazeel mips mipsel mips64 mips64el openrisc parisc parisc64 ppc ppcemb s390 sh4 sh4eb "
        "sparc sparc64 unicore32 xtensa xtensaeb"
    ),
    "hw_boot_menu": BOOLEAN,
    "hw_cdrom_bus": _DISK_BUS,
    "hw_cpu_cores": _NUMBER,
    "hw_cpu_max_cores": _NUMBER,
    "hw_cpu_max_sockets": _NUMBER,
    "hw_cpu_max_threads": _NUMBER,
    "hw_cpu_policy": _one_of("dedicated shared mixed"),
    "hw_cpu_sockets": _NUMBER,
    "hw_cpu_thread_policy": _one_of("prefer isolate require"),
    "hw_cpu_threads": _NUMBER,
    "hw_disk_bus": _DISK_BUS,
    "hw_disk_type": _one_of("preallocated thin streamOptimized sparse"),
    "hw_emulation_architecture": _one_of(
        "x86_64 aarch64 i686 ppc64 ppc64le s390x mips mipsel armv7l riscv64"
    ),
    "hw_ephemeral_encryption": BOOLEAN,
    "hw_firmware_type": _one_of("bios uefi"),
    "hw_input_bus": _one_of("usb virtio"),
    "hw_locked_memory": BOOLEAN,
    "hw_maxphysaddr_bits": _NUMBER,
    "hw_maxphysaddr_mode": _one_of("passthrough emulate"),
    "hw_mem_encryption": BOOLEAN,
    "hw_numa_nodes": _NUMBER,
    "hw_pmu": BOOLEAN,
    "hw_pointer_model": _one_of("usbtablet"),
    "hw_qemu_guest_agent": BOOLEAN,
    "hw_rescue_bus": _DISK_BUS,
    "hw_rescue_device": _one_of("disk floppy cdrom lun"),
    "hw_rng_model": _one_of("virtio"),
    "hw_scsi_model": _one_of("virtio-scsi buslogic ibmvscsi lsilogic lsisas1068 lsisas1078 vmpvscsi"),
    "hw_serial_port_count": _NUMBER,
    "hw_sound_model": _one_of("sb16 es1370 pcspk ac97 ich6 ich9 usb virtio"),
    "hw_time_hpet": BOOLEAN,
    "hw_tpm_model": _one_of("tpm-tis tpm-crb"),
    "hw_tpm_version": _one_of("1.2 2.0"),
    "hw_usb_model": _one_of(
        "qemu-xhci piix3-uhci piix4-uhci ehci ich9-ehci1 vt82c686b-uhci pci-ohci nec-xhci"
    ),
    "hw_video_model": _one_of("virtio vga qxl cirrus vmvga xen gop none bochs"),
    "hw_video_ram": _NUMBER,
    "hw_vif_model": _one_of(
        "virtio e1000 e1000e rtl8139 pcnet ne2k_pci netfront lan9118 spapr-vlan sriov VirtualE1000 VirtualE1000e "
        "VirtualPCNet32 VirtualSriovEthernetCard VirtualVmxnet VirtualVmxnet3 vmxnet vmxnet3"
    ),
    "hw_vif_multiqueue_enabled": BOOLEAN,
    "hw_viommu_model": _one_of("intel smmuv3 virtio auto"),
    "hw_virtio_packed_ring": BOOLEAN,
    "hw_watchdog_action": _one_of("none pause poweroff reset disabled"),
    "img_config_drive": _one_of("optional mandatory"),
    "img_hide_hypervisor_id": BOOLEAN,
    "img_hv_type": _one_of("qemu kvm lxc uml xen vmware hyperv baremetal ironic virtuozzo parallels"),
    "img_signature_hash_method": _one_of("SHA-256 SHA-384 SHA-512 SHA-224"),
    "img_signature_key_type": _one_of("RSA-PSS ECC_SECP384R1 ECC_SECP521R1 DSA"),
    "os_require_quiesce": BOOLEAN,
    "os_secure_boot": _one_of("required disabled optional"),
    "os_shutdown_timeout": _NUMBER,
    "os_skip_agent_inject_files_at_boot": BOOLEAN,
    "os_skip_agent_inject_ssh": BOOLEAN,
    "os_type": _one_of("linux windows"),
    "vm_mode": _one_of("hvm xen uml exe"),
    "vmware_adaptertype": _one_of(
        "ide busLogic lsiLogic lsiLogicsas paraVirtual buslogic lsilogic lsilogicsas paravirtual"
    ),
    "vmware_disktype": _one_of("sparse preallocated streamOptimized thin"),
}
SCS: Mapping[str, Rule] = {
    "hotfix_hours": _NUMBER,
    "image_build_date": Rule(
        form=rf"{_DATE}( [0-2][0-9]:[0-5][0-9](:[0-5][0-9])?)?", says="YYYY-MM-DD, with hh:mm after it or not"
    ),
    "image_source": Rule(
        form=r"private|https?://\S+", says="a URL, or private where there is none to download from"
    ),
    "maintained_until": Rule(form=_DATE, says="YYYY-MM-DD"),
    "provided_until": Rule(form=rf"none|notice|{_DATE}", says="YYYY-MM-DD, none or notice"),
    "replace_frequency": _one_of("yearly quarterly monthly weekly daily critical_bug never"),
    "uuid_validity": Rule(
        form=rf"none|notice|forever|last-[1-9][0-9]*|{_DATE}",
        says="none, last-N, YYYY-MM-DD, notice or forever",
    ),
}
KNOWN: Mapping[str, Rule] = {**NOVA, **SCS}


def refusal(name: str, value: str) -> tuple[str, str] | None:
    """Return why those who read this property would not take the value, and what to write; None if they would."""
    rule = _TRAIT if name.startswith("trait:") else KNOWN.get(name)
    return rule.refusal(name, value) if rule else None


def is_true(value: str) -> bool:
    """Read a boolean as Nova does: what it does not know is no."""
    return value.strip().lower() in ("1", "t", "true", "on", "y", "yes")
