from goldsmith.artifact.tools import tool_versions
from goldsmith.host.process import LocalHost


def test_each_tool_is_asked_once_for_its_version(fake_tool):
    install = fake_tool("virt-install", "echo 4.1.0")
    fake_tool("qemu-img", "echo 'qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7)'; echo 'Copyright 2003-2022'")
    fake_tool("guestfish", "echo 'guestfish 1.48.6'")
    fake_tool("virsh", "echo hello")
    fake_tool("virt-sysprep", "exit 1")
    known = tool_versions(LocalHost())
    known.pop("ksvalidator", None)
    assert known == {
        "virt-install": "4.1.0",
        "qemu-img": "7.2.22",
        "libguestfs": "1.48.6",
        "libvirt": "unknown",
        "virt-sysprep": "unknown",
    }
    tool_versions(LocalHost())
    assert install.calls == [["--version"]]


def test_a_tool_that_is_not_installed_is_left_out(fake_tool):
    fake_tool("qemu-img", "echo 'qemu-img version 9.2'")
    known = tool_versions(LocalHost())
    known.pop("ksvalidator", None)
    assert known == {"qemu-img": "9.2"}
