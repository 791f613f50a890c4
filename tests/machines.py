"""A build machine for tests that start none."""

from pathlib import Path

from goldsmith.guests.machine import Machine

PLAIN = Machine(
    name="", uri="", description="", virt_type="", memory=1 << 30, vcpus=2, osinfo="debian11", machine_type="q35",
    firmware="bios", disk=Path(), bus="virtio", network="network=goldsmith", console=Path(),
)  # fmt: skip
