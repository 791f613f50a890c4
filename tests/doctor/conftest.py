from collections.abc import Callable

import pytest

VERSIONS = {
    "virt-install": "4.1.0",
    "qemu-img": "qemu-img version 7.2.22 (Debian 1:7.2)",
    "qemu-system-x86_64": "QEMU emulator version 7.2.22",
    "guestfish": "guestfish 1.48.6",
    "virt-sysprep": "virt-sysprep 1.48.2",
    "virt-sparsify": "virt-sparsify 1.48.2",
    "virt-inspector": "virt-inspector 1.48.2",
    "xorriso": "xorriso 1.5.4 : RockRidge filesystem manipulator",
    "mksquashfs": "mksquashfs version 4.5.1 (2022/03/17)",
    "wimlib-imagex": "wimlib-imagex 1.13.6 (using wimlib 1.13.6)",
    "mmdebstrap": "mmdebstrap 1.3.5",
    "osinfo-detect": "",
    "ksvalidator": "",
}


@pytest.fixture
def all_tools(fake_tool: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A host on which every program is installed, nobody asks about KVM, and libvirt is its test driver."""
    monkeypatch.setenv("GOLDSMITH_ACCEL", "tcg")
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "test:///default")
    fake_tool("setpriv")
    fake_tool("apt-get")
    return {name: fake_tool(name, f"echo '{said}'") for name, said in VERSIONS.items()}
