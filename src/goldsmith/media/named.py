"""Media that have a name: Goldsmith makes them itself, once for each set of inputs."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldsmith.host.process import Host
from goldsmith.media.demo_iso import DEMO, Product, build_installer, installer_key

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Said = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """An installer ISO that is built on this host."""

    product: Product

    def inputs(self) -> Mapping[str, Json]:
        made: Mapping[str, Json] = json.loads(json.dumps(installer_key(self.product)))
        return made

    def path(self, state: Path) -> Path:
        """Return where the ISO of these inputs is kept, built or not."""
        key = hashlib.sha256(json.dumps(self.inputs(), sort_keys=True).encode()).hexdigest()
        return state / "store" / "media" / "made" / f"{key[:32]}.iso"

    def build(
        self, host: Host, state: Path, *, on_line: Said | None = None, on_phase: Said | None = None
    ) -> Path:
        """Return the ISO; it is built when it is not there yet, which takes minutes."""
        path = self.path(state)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            cache = state / "cache" / "installer"
            build_installer(
                host, path, cache=cache, product=self.product, on_line=on_line, on_progress=on_phase
            )
        return path


NAMED: Mapping[str, Made] = {
    "goldsmith-demo-installer": Made(DEMO),
    "goldsmith-standin-rhel7": Made(Product("7.9", redhat=True)),
    "goldsmith-standin-rhel6": Made(Product("6.10", redhat=True)),
    "goldsmith-standin-rhel6-i386": Made(Product("6.10", redhat=True, arch="i386")),
}
