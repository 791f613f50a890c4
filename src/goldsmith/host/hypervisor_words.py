"""What libvirt refuses, in words that a user can act on."""

import libvirt

from goldsmith.errors import GuestError, HostError
from goldsmith.host.domains import no_such

_NO_AGENT = (
    libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
    libvirt.VIR_ERR_AGENT_UNSYNCED,
    libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
)


def translated(error: libvirt.libvirtError, name: str) -> HostError | GuestError:
    code, message = error.get_error_code(), str(error.get_error_message()).strip()
    if code in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_NO_NETWORK):
        return no_such(name)
    if code in _NO_AGENT or "QemuAgentCommand" in message:  # the latter where a driver knows no agent at all
        fix = "install qemu-guest-agent in the guest, and give it time to start"
        return GuestError(f"the agent of the guest {name} does not answer: {message}", fix=fix)
    if "QEMU agent command" in message:  # it answered: with a refusal
        fix = "the guest's own agent log says more; an old agent does not know every command"
        return GuestError(f"the agent of the guest {name} refused: {message}", fix=fix)
    if code == libvirt.VIR_ERR_OPERATION_INVALID:
        return GuestError(f"the guest {name}: {message}", fix="see its console log for why it is not running")
    if "Unable to read from monitor" in message or "end of file from qemu monitor" in message.lower():
        fix = "its console and QEMU's log tell why it ended"
        return GuestError(f"the guest {name} ended while it was asked: {message}", fix=fix)
    if "TPM" in message:
        fix = "apt install swtpm swtpm-tools, or dnf install swtpm swtpm-tools; then restart libvirt"
        return HostError(f"libvirt cannot emulate a TPM here: {message}", fix=fix)
    if "firmware" in message and "efi" in message.lower():
        return HostError(
            f"libvirt has no such UEFI firmware: {message}", fix="apt install ovmf, or dnf install edk2-ovmf"
        )
    if "another process using the image" in message:
        fix = "an orphan guest holds the disk: virsh list --all, then virsh destroy it"
        return HostError(f"libvirt refused: {message}", fix=fix)
    return HostError(f"libvirt refused: {message}", fix="goldsmith doctor; libvirt's own log says more")


def version(number: int) -> str:
    """Write a version as libvirt counts it: 9000000 is 9.0.0."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
