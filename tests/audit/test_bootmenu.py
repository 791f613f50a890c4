"""Boot menus in the dialects of GRUB 2, GRUB legacy and the Boot Loader Specification."""

from dataclasses import replace

import pytest

from goldsmith.audit.bootmenu import read_menu, shell_values, version
from goldsmith.audit.checks import BY_ID
from goldsmith.audit.report import Status
from goldsmith.audit.run import answers


def result(guest, ident):
    (found,) = answers(guest.facts(), {}, [BY_ID[ident]])
    return found


def test_entries_are_numbered_as_grub_counts_them(debian):
    menu = read_menu(debian.tree())
    assert [(item.index, item.rescue) for item in menu.items] == [("0", False), ("1>0", True)]
    assert menu.default is menu.items[0]
    assert menu.normal == [menu.items[0]]


def test_the_default_of_grub_legacy_is_a_number(rhel6):
    menu = read_menu(rhel6.tree())
    assert menu.default.kernel == "/boot/vmlinuz-2.6.32-754.el6.x86_64"
    assert menu.default.args[-2:] == ("console=tty0", "console=ttyS0,115200n8")


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("vmlinuz-5.10.0-28-amd64", "vmlinuz-6.1.0-18-cloud-amd64"),
        ("vmlinuz-3.10.0-1160.el7.x86_64", "vmlinuz-3.10.0-1160.2.1.el7.x86_64"),
        ("vmlinuz-6.9.1-1", "vmlinuz-6.10.0-1"),
    ],
)
def test_kernels_are_ordered_by_their_numbers(older, newer):
    assert version(f"/boot/{older}") < version(f"/boot/{newer}")


def test_shell_settings_are_read_without_a_shell():
    text = 'A=one # said\nexport B=\'$A two\'\nC="$A ${B}"\nD="open\nE=$(touch /tmp/x)\nA=last\n'
    values = shell_values(text)
    assert (values["A"], values["C"], values["D"]) == ("last", "one one two", "open")
    assert values["E"].startswith("$(touch")


def test_the_kernel_may_be_reached_through_a_link(debian):
    menu = debian.files["/boot/grub/grub.cfg"].replace("/boot/vmlinuz-6.1.0-18-amd64", "/vmlinuz")
    linked = debian.with_files({"/boot/grub/grub.cfg": menu}).with_links(
        {"/vmlinuz": "boot/vmlinuz-6.1.0-18-amd64"}
    )
    assert result(linked, "O-L45").status == Status.OK
    stale = linked.with_links({"/vmlinuz": "boot/vmlinuz-5.10.0-28-amd64"})
    assert result(stale, "O-L45").detail.startswith(
        "/boot/vmlinuz-5.10.0-28-amd64; expected /boot/vmlinuz-6.1.0"
    )


def test_boot_loader_specification_entries_are_read(rhel7):
    entry = "title RHEL 8\nlinux /vmlinuz-{0}\ninitrd /initramfs-{0}.img $tuned_initrd\noptions $kernelopts\n"
    options = "root=LABEL=root console=tty0 console=ttyS0,115200"
    modern = replace(rhel7, profile="rhel8+", major=8).with_files(
        {
            "/boot/grub2/grub.cfg": 'set default="${saved_entry}"\nblscfg\n',
            "/boot/grub2/grubenv": f"saved_entry=abc-4.18.0-553\nkernelopts={options}\n",
            "/boot/loader/entries/abc-4.18.0-553.conf": entry.format("4.18.0-553.el8.x86_64"),
            "/boot/loader/entries/abc-4.18.0-80.conf": entry.format("4.18.0-80.el8.x86_64"),
            "/boot/vmlinuz-4.18.0-553.el8.x86_64": "k",
            "/boot/initramfs-4.18.0-553.el8.x86_64.img": "i",
        }
    )
    assert result(modern, "O-L45").detail == "/boot/vmlinuz-4.18.0-553.el8.x86_64"
    assert result(modern, "O-L7").detail == "console=ttyS0,115200 last in 2 entries"
