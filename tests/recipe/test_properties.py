"""The table of known image properties."""

import pytest

from goldsmith.recipe.properties import KNOWN, refusal


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hw_disk_bus", "virtio"),
        ("hw_qemu_guest_agent", "Yes"),
        ("os_require_quiesce", "true"),
        ("hw_video_ram", "16"),
        ("image_build_date", "2026-11-28 06:30"),
        ("uuid_validity", "last-3"),
        ("image_source", "https://images.example.org/a.qcow2"),
        ("trait:HW_CPU_X86_AVX2", "required"),
        ("goldsmith_recipe", "anything at all"),
        ("vmware_adaptertype", "lsilogic"),
    ],
)
def test_a_value_that_its_readers_take_is_no_problem(name, value):
    assert refusal(name, value) is None


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("hw_disk_bus", "virtoi", "did you mean virtio? allowed: virtio, scsi, sata"),
        ("hw_firmware_type", "UEFI", "did you mean uefi? allowed: bios, uefi"),
        ("hw_qemu_guest_agent", "", "allowed: yes, no, true, false, on, off, 1, 0"),
        ("hw_video_ram", "16 MiB", "write a whole number"),
        ("image_build_date", "28.11.2026", "write YYYY-MM-DD"),
        ("provided_until", "forever", "write YYYY-MM-DD, none or notice"),
        ("trait:HW_CPU_X86_AVX2", "yes", "allowed: required, forbidden"),
    ],
)
def test_another_value_is_refused_with_what_is_allowed(name, value, fix):
    problem, cure = refusal(name, value)
    assert problem == f"the property {name} cannot be {value!r}"
    assert cure.startswith(fix)


def test_every_rule_says_what_it_wants():
    assert [name for name, rule in KNOWN.items() if not (rule.choices or (rule.form and rule.says))] == []
