"""The official ``openstack`` command in a virtual environment of its own, to see from outside what Goldsmith made."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import wsgi_server

VERSION = "10.5.0"
PINS = Path(__file__).parent / "client" / f"{VERSION}.txt"


@dataclass
class OpenstackClient:
    """Runs ``openstack --os-cloud CLOUD`` with one clouds.yaml."""

    clouds: Path
    cloud: str

    def __call__(self, *words: str | Path) -> str:
        python = wsgi_server.installed(PINS, f"openstackclient-{VERSION}")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHON"))}
        done = subprocess.run(
            [python.parent / "openstack", "--os-cloud", self.cloud, *words],
            env={**kept, "OS_CLIENT_CONFIG_FILE": str(self.clouds)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
