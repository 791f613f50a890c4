# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel command line asks of the installer."""

import shlex
from dataclasses import dataclass

# Anaconda copies these from its own command line to the installed system (global_preserve_args).
PRESERVED = {
    "speakup_synth", "apic", "noapic", "apm", "ide", "noht", "acpi", "video", "pci", "nodmraid", "nompath",
    "nomodeset", "noiswmd", "fips", "selinux", "biosdevname", "ipv6.disable", "net.ifnames", "nosmt",
}  # fmt: skip


@dataclass(frozen=True)
class Boot:
    """The arguments that matter; ``console`` is the last one, with its speed, such as ``ttyS0,115200n8``."""

    kickstart: str = ""
    cmdline: bool = False
    console: str = ""
    nosave: frozenset[str] = frozenset()
    preserved: tuple[str, ...] = ()
    hang: str = ""
    silent: bool = False

    @property
    def serial(self) -> bool:
        return self.console.startswith("ttyS")

    def saves(self, what: str) -> bool:
        """Tell whether ``what`` (input_ks, output_ks, logs) may be left in the installed system."""
        wide = {"all"} if what == "logs" else {"all", "all_ks"}
        return not self.nosave & (wide | {what})


def read_boot(cmdline: str) -> Boot:
    """Read the kernel command line; ``inst.`` before an argument is optional, as it is for Anaconda 7."""
    values: dict[str, str] = {}
    preserved: list[str] = []
    for word in _words(cmdline):
        name, _, value = word.partition("=")
        values[name.removeprefix("inst.")] = value  # the last one wins
        if name in PRESERVED:
            preserved.append(word)
    return Boot(
        kickstart=values.get("ks", ""),
        cmdline="cmdline" in values,
        console=values.get("console", ""),
        nosave=frozenset(filter(None, values.get("nosave", "").split(","))),
        preserved=tuple(preserved),
        hang=values.get("standin.hang", ""),
        silent="standin.silent" in values,
    )


def _words(cmdline: str) -> list[str]:
    try:
        return shlex.split(cmdline)
    except ValueError:  # an odd quote, which the kernel takes as it is
        return cmdline.split()
