"""The command that installs a package on this host."""

import os
import shutil
from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A package under its names on Debian and Ubuntu (apt) and on Fedora, RHEL and CentOS (dnf)."""

    apt: str
    dnf: str

    def install(self) -> str:
        """Return the command for whoever runs this, with sudo where that is needed."""
        sudo = "" if os.geteuid() == 0 else "sudo "
        if self.apt and shutil.which("apt-get"):
            return f"{sudo}apt-get install -y --no-install-recommends {self.apt}"
        if self.dnf and shutil.which("dnf"):
            return f"{sudo}dnf install -y {self.dnf}"
        return f"install the package {self.apt or self.dnf} with this host's package manager"
