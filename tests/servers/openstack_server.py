"""A real Keystone, Barbican and Glance from PyPI on 127.0.0.1, with SQLite and files: for tests of signing and sign-in.

Projects and users, all with the password ``throwaway``: ``releng`` (member), ``imgadmin`` (admin) and ``auditor``
(reader) of the project images, ``tenantuser`` (member) of the project tenant, ``pooruser`` (member) of the project
poor, whose images may take 6 MiB together (a unified limit of Keystone). What is installed is pinned by
openstack/2026.2.txt. Making the databases takes a while, so that is done once and copied.
"""

import base64
import contextlib
import getpass
import grp
import json
import os
import shutil
import sqlite3
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import wsgi_server
from wsgi_server import Service, free_port

DATA = Path(__file__).parent / "openstack"
PINS = DATA / "2026.2.txt"
PASSWORD = "throwaway"
MADE = 3  # raised when what is made once changes
STANDS_FOR = "http://{}.invalid"  # in data made once: the address of a service
ROLES = ("service", "creator")
USERS = {  # user: project, roles
    "glance": ("service", ("admin", "service")),
    "barbican": ("service", ("admin", "service")),
    "releng": ("images", ("member",)),
    "auditor": ("images", ("reader",)),
    "imgadmin": ("images", ("admin", "member")),
    "tenantuser": ("tenant", ("member",)),
    "pooruser": ("poor", ("member",)),
}
POOR = 6  # MiB
LIMITS = {  # of every project; sizes are MiB. What Glance asks for and Keystone does not know would be 0.
    "image_size_total": 1 << 20,
    "image_stage_total": 1 << 20,
    "image_count_total": 1000,
    "image_count_uploading": 100,
}
CLOUD = """  {name}:
    auth_type: password
    region_name: RegionOne
    identity_api_version: 3
    image_api_version: 2
    auth:
      auth_url: {url}/v3
      username: {user}
      password: {password}
      project_name: {project}
      user_domain_name: Default
      project_domain_name: Default
"""
ROBOT = """  {name}:
    auth_type: v3applicationcredential
    region_name: RegionOne
    image_api_version: 2
    auth:
      auth_url: {url}/v3
      application_credential_id: {id}
      application_credential_secret: {secret}
"""


@dataclass
class Stack:
    """The three services and their data below ``folder``."""

    folder: Path
    python: Path
    token_seconds: int = 14400
    ports: dict[str, int] = field(
        default_factory=lambda: {name: free_port() for name in ("keystone", "barbican", "glance")}
    )

    def __post_init__(self) -> None:
        here = {"PYTHONPATH": str(DATA)}
        self.keystone = self._service("keystone", "keystone_app:application", "/v3", here)
        self.barbican = self._service("barbican", "barbican_app:application", "/", here)
        self.glance = self._service("glance", "glance.wsgi.api:application", "/healthcheck", {})
        self.glance.environment = {"OS_GLANCE_CONFIG_DIR": str(self.folder)}
        self.keystone.environment = {**here, "OS_KEYSTONE_CONFIG_DIR": str(self.folder)}
        self.barbican.environment = {**here, "HOME": str(self.folder)}  # reads ~/.barbican/barbican.conf

    @property
    def url(self) -> str:
        return self.glance.url

    def configure(self) -> None:
        for name in ("fast", "staging", "tasks", "work", "locks", ".barbican"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        values = {
            "folder": self.folder,
            "programs": self.python.parents[1],
            "token_seconds": self.token_seconds,
            "cache_seconds": min(300, self.token_seconds),
            "image_endpoint": self._image_endpoint(),
            "master_key": base64.b64encode(b"throwaway".ljust(32, b"-")).decode(),
            **self.ports,
        }
        for name, where in (("keystone", ""), ("glance-api", ""), ("barbican", ".barbican/")):
            text = (DATA / f"{name}.conf").read_text()
            (self.folder / f"{where}{name}.conf").write_text(text.format(**values))

    def _image_endpoint(self) -> str:
        """Return the id by which Glance finds its limits; none while there is no database yet."""
        if not (self.folder / "keystone.sqlite").exists():
            return ""
        of_glance = "SELECT e.id FROM endpoint e JOIN service s ON s.id = e.service_id WHERE s.type = 'image'"
        with contextlib.closing(sqlite3.connect(self.folder / "keystone.sqlite")) as database:
            return str(database.execute(of_glance).fetchone()[0])

    def start(self) -> None:
        services = (self.keystone, self.barbican, self.glance)
        for one in services:
            one.launch()
        for one in services:
            one.await_answer()

    def stop(self) -> None:
        for one in (self.glance, self.barbican, self.keystone):
            one.stop()

    def stored(self) -> list[str]:
        """Return the names of the files in the store."""
        return sorted(one.name for one in (self.folder / "fast").iterdir())

    def cloud(self, name: str, *, user: str = "", project: str = "", password: str = PASSWORD) -> str:
        """Return a cloud of clouds.yaml in which this user signs in; by default the one of this name."""
        user = user or name
        project = project or USERS[user][0]
        url = self.keystone.url
        return CLOUD.format(name=name, user=user, project=project, password=password, url=url)

    def user_id(self, user: str) -> str:
        return self._identity(user).user

    def application_credential(self, user: str, *, cloud: str) -> str:
        """Make an application credential of a user; return a cloud of clouds.yaml that signs in by it."""
        identity = self._identity(user)
        path, wanted = f"/users/{identity.user}/application_credentials", {"name": cloud}
        made = identity.ask("POST", path, {"application_credential": wanted})["application_credential"]
        return ROBOT.format(name=cloud, url=self.keystone.url, id=made["id"], secret=made["secret"])

    def _identity(self, user: str) -> "_Identity":
        return _Identity(self.keystone.url, user, USERS[user][0])

    def _service(self, name: str, application: str, healthy: str, environment: dict[str, str]) -> Service:
        port = self.ports[name]
        return Service(self.python, port, self.folder, name, application, healthy, environment)


@contextlib.contextmanager
def running(folder: Path, *, token_seconds: int = 14400) -> Iterator[Stack]:
    """Run all three on data in ``folder``; they are stopped in the end, the data stay."""
    python = wsgi_server.installed(PINS, "openstack-2026.2")
    stack = Stack(folder, python, token_seconds)
    shutil.copytree(_template(python), folder, dirs_exist_ok=True)
    with contextlib.closing(sqlite3.connect(folder / "keystone.sqlite")) as database:
        for name, port in stack.ports.items():
            was, now = STANDS_FOR.format(name), f"http://127.0.0.1:{port}"
            database.execute("UPDATE endpoint SET url = replace(url, ?, ?)", (was, now))
        database.commit()
    stack.configure()
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


def _template(python: Path) -> Path:
    """Return a folder with fresh databases, users and services; make it if it is not there yet."""
    folder = python.parents[1].with_name(f"{python.parents[1].name}-data-{MADE}")
    with wsgi_server.turn(folder):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as work:
                made = Path(work, "data")
                made.mkdir()
                _make(Stack(made, python))
                made.rename(folder)
    return folder


def _make(stack: Stack) -> None:
    stack.configure()
    config = stack.folder / "keystone.conf"
    group = grp.getgrgid(os.getgid()).gr_name
    manage = (stack.python.with_name("keystone-manage"), "--config-file", config)
    owner = ("--keystone-user", getpass.getuser(), "--keystone-group", group)
    url = f"{STANDS_FOR.format('keystone')}/v3"
    stack.keystone.run(*manage, "db_sync")
    stack.keystone.run(*manage, "fernet_setup", *owner)
    stack.keystone.run(*manage, "credential_setup", *owner)
    stack.keystone.run(
        *(*manage, "bootstrap", "--bootstrap-password", PASSWORD, "--bootstrap-region-id", "RegionOne"),
        *("--bootstrap-public-url", url, "--bootstrap-internal-url", url, "--bootstrap-admin-url", url),
    )
    glance = stack.folder / "glance-api.conf"
    stack.glance.run("-m", "glance.cmd.manage", "--config-file", glance, "db", "sync")
    try:
        stack.keystone.launch()
        stack.keystone.await_answer()
        _populate(_Identity(stack.keystone.url, "admin", "admin"))
    finally:
        stack.keystone.stop()
    for log in stack.folder.glob("*.log"):
        log.unlink()


def _populate(identity: "_Identity") -> None:
    roles = {one["name"]: one["id"] for one in identity.ask("GET", "/roles")["roles"]}
    for name in ROLES:
        if name not in roles:
            roles[name] = identity.ask("POST", "/roles", {"role": {"name": name}})["role"]["id"]
    projects: dict[str, str] = {}
    for name in ("service", "images", "tenant", "poor"):
        wanted = {"project": {"name": name, "domain_id": "default"}}
        projects[name] = identity.ask("POST", "/projects", wanted)["project"]["id"]
    for name, (project, held) in USERS.items():
        wanted = {"user": {"name": name, "password": PASSWORD, "domain_id": "default"}}
        user = identity.ask("POST", "/users", wanted)["user"]["id"]
        for role in held:
            identity.ask("PUT", f"/projects/{projects[project]}/users/{user}/roles/{roles[role]}")
    for name, kind in (("glance", "image"), ("barbican", "key-manager")):
        wanted = {"service": {"name": name, "type": kind}}
        service = identity.ask("POST", "/services", wanted)["service"]["id"]
        endpoint = {
            "service_id": service,
            "interface": "public",
            "region_id": "RegionOne",
            "url": STANDS_FOR.format(name),
        }
        identity.ask("POST", "/endpoints", {"endpoint": endpoint})
        if kind == "image":
            _limit(identity, service, projects["poor"])


def _limit(identity: "_Identity", service: str, poor: str) -> None:
    here = {"service_id": service, "region_id": "RegionOne"}
    known = [{**here, "resource_name": name, "default_limit": value} for name, value in LIMITS.items()]
    identity.ask("POST", "/registered_limits", {"registered_limits": known})
    less = {**here, "resource_name": "image_size_total", "resource_limit": POOR, "project_id": poor}
    identity.ask("POST", "/limits", {"limits": [less]})


class _Identity:
    """Keystone's own API, by a signed-in user."""

    def __init__(self, url: str, user: str, project: str) -> None:
        self._url = f"{url}/v3"
        domain = {"id": "default"}
        who = {"user": {"name": user, "domain": domain, "password": PASSWORD}}
        wanted = {
            "auth": {
                "identity": {"methods": ["password"], "password": who},
                "scope": {"project": {"name": project, "domain": domain}},
            }
        }
        request = self._request("POST", "/auth/tokens", wanted, "")
        with urllib.request.urlopen(request) as answer:
            self.token = answer.headers["X-Subject-Token"]
            self.user = json.load(answer)["token"]["user"]["id"]

    def ask(self, method: str, path: str, document: object = None) -> dict:
        with urllib.request.urlopen(self._request(method, path, document, self.token)) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def _request(self, method: str, path: str, document: object, token: str) -> urllib.request.Request:
        data = None if document is None else json.dumps(document).encode()
        headers = {"Content-Type": "application/json", "X-Auth-Token": token}
        return urllib.request.Request(f"{self._url}{path}", data, headers, method=method)
