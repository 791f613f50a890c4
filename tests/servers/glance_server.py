"""A real Glance from PyPI on 127.0.0.1, with SQLite and files: for the tests, and for people by `make glance`.

It needs no root and no Keystone: a token says who asks (glance/token_auth.py). The programs are installed once into a
virtual environment of their own, in GOLDSMITH_TEST_STATE or else the user's cache folder; what is installed is pinned
by glance/<version>.txt, the output of `pip freeze` where it worked.

Usage: python tests/servers/glance_server.py [--release 2025.1] [--folder FOLDER] [--port N]
"""

import argparse
import contextlib
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import wsgi_server
from wsgi_server import Service, free_port

DATA = Path(__file__).parent / "glance"
RELEASES = {"2026.2": "33.0.0", "2025.1": "30.2.0"}
CURRENT = "2026.2"
CLOUDS = """clouds:
  {name}:
    auth_type: admin_token
    auth: {{endpoint: "{url}", token: "{token}"}}
    image_endpoint_override: {url}
    image_api_version: 2
"""


def installed(release: str) -> Path:
    """Return the Python that can run this release; install it if that was not done yet (half a minute, 260 MB)."""
    version = RELEASES[release]
    return wsgi_server.installed(DATA / f"{version}.txt", f"glance-{version}")


@dataclass
class GlanceServer(Service):
    """One Glance and its data below ``folder``. Sizes are bytes; the quota is what all images of a project may take."""

    name: str = "glance"
    application: str = "glance.wsgi.api:application"
    healthy: str = "/healthcheck"
    image_size_cap: int = 1 << 40
    project_quota: int = 0  # none
    fetch_port: int = 80  # what web-download may fetch from this host
    convert_to: str = ""  # the format that imported images are converted to, if any

    def __post_init__(self) -> None:
        self.environment = {"OS_GLANCE_CONFIG_DIR": str(self.folder), "PYTHONPATH": str(DATA)}

    def set_up(self) -> None:
        for name in ("fast", "slow", "staging", "tasks", "work", "locks"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        text = (DATA / "glance-api.conf").read_text()
        values = {"folder": self.folder, "data": DATA, "port": self.port}
        limits = {"image_size_cap": self.image_size_cap, "project_quota": self.project_quota}
        (self.folder / "glance-api.conf").write_text(text.format(**values, **limits))
        plugins = "'image_decompression', 'image_conversion'" if self.convert_to else ""
        (self.folder / "glance-image-import.conf").write_text(
            f"[image_import_opts]\nimage_import_plugins = [{plugins}]\n"
            f"[image_conversion]\noutput_format = {self.convert_to or 'raw'}\n"
            f"[import_filtering_opts]\nallowed_hosts = [127.0.0.1]\nallowed_ports = [{self.fetch_port}]\n"
        )
        if not (self.folder / "glance.sqlite").exists():
            config = self.folder / "glance-api.conf"
            self.run("-m", "glance.cmd.manage", "--config-file", config, "db", "sync")

    def stored(self) -> list[str]:
        """Return the names of the files in the stores."""
        return sorted(one.name for store in ("fast", "slow") for one in (self.folder / store).iterdir())

    def clouds(self, *names: str, token: str) -> str:
        """Return a clouds.yaml in which these clouds are this server."""
        texts = [CLOUDS.format(name=name, url=self.url, token=token) for name in names]
        return texts[0] + "".join(text.removeprefix("clouds:\n") for text in texts[1:])


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    release: str = CURRENT,
    port: int = 0,
    image_size_cap: int = 1 << 40,
    project_quota: int = 0,
    fetch_port: int = 80,
    convert_to: str = "",
) -> Iterator[GlanceServer]:
    """Run a Glance on data in ``folder``; it is stopped in the end, the data stay."""
    python = installed(release)
    server = GlanceServer(
        python=python,
        port=port or free_port(),
        folder=folder,
        image_size_cap=image_size_cap,
        project_quota=project_quota,
        fetch_port=fetch_port,
        convert_to=convert_to,
    )
    server.set_up()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a real Glance to play with, until Ctrl-C.")
    parser.add_argument("--release", choices=RELEASES, default=CURRENT)
    parser.add_argument("--folder", type=Path, help="Keep its data here; else they go when it stops.")
    parser.add_argument("--port", type=int, default=0, help="Else a free one.")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"Glance {RELEASES[given.release]} ({given.release}): installed once, then started ...", flush=True)
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glance-")))
        folder = folder.absolute()
        server = stack.enter_context(running(folder, release=given.release, port=given.port))
        clouds = folder / "clouds.yaml"
        members = server.clouds("glance", token="me:images:member")
        admins = server.clouds("glance-admin", token="root:images:admin").removeprefix("clouds:\n")
        clouds.write_text(members + admins)
        print(f"\n# {clouds}\n{clouds.read_text()}\nIn another terminal:")
        print(f"  export OS_CLIENT_CONFIG_FILE={clouds}")
        print("Ctrl-C stops it.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
