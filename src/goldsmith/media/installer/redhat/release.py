# SPDX-License-Identifier: GPL-2.0-or-later
"""What a minor release of RHEL calls itself and its kernels."""

from dataclasses import dataclass

_KERNELS = {
    6: ("2.6.32-{}.el6", {0: 71, 1: 131, 2: 220, 3: 279, 4: 358, 5: 431, 6: 504, 7: 573, 8: 642, 9: 696, 10: 754}),
    7: ("3.10.0-{}.el7", {0: 123, 1: 229, 2: 327, 3: 514, 4: 693, 5: 862, 6: 957, 7: 1062, 8: 1127, 9: 1160}),
}  # fmt: skip
_CODENAMES = {6: "Santiago", 7: "Maipo"}


@dataclass(frozen=True)
class Release:
    version: str  # 7.9

    @property
    def generation(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def title(self) -> str:
        """Return the line of /etc/redhat-release."""
        name = _CODENAMES[self.generation]
        return f"Red Hat Enterprise Linux Server release {self.version} ({name})"

    @property
    def kernel(self) -> str:
        """Return version and release of the kernel on the medium."""
        pattern, numbers = _KERNELS[self.generation]
        minor = int(self.version.partition(".")[2])
        return pattern.format(numbers.get(minor, max(numbers.values())))

    @property
    def uname(self) -> str:
        """Return what names the kernel's files."""
        return f"{self.kernel}.x86_64"

    @property
    def newer_kernel(self) -> str:
        """Return the kernel that an update brings."""
        base, _, tag = self.kernel.rpartition(".")
        return f"{base}.{'35.1' if self.generation == 6 else '119.1'}.{tag}"

    @property
    def os_release(self) -> str:
        """Return /etc/os-release; RHEL 6 has none."""
        if self.generation == 6:
            return ""
        name = "Red Hat Enterprise Linux Server"
        pretty = f"{name} {self.version} ({_CODENAMES[self.generation]})"
        return (
            f'NAME="{name}"\nVERSION="{self.version} ({_CODENAMES[self.generation]})"\nID="rhel"\n'
            'ID_LIKE="fedora"\nVARIANT="Server"\nVARIANT_ID="server"\n'
            f'VERSION_ID="{self.version}"\nPRETTY_NAME="{pretty}"\n'
            f'CPE_NAME="cpe:/o:redhat:enterprise_linux:{self.version}:GA:server"\n'
        )
