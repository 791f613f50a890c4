"""What two boots of an image showed, as plain values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from goldsmith.audit.facts import NotLooked
from goldsmith.boottest.hardware import Hardware
from goldsmith.boottest.seed import Instance
from goldsmith.guests.windows_causes import Starts

_PROMPT = re.compile(r"^(?!Last )\S+ login:(?:\s|$)")  # a kernel that still speaks goes on in the same line
_KEY = re.compile(r"\b((?:ssh|ecdsa)-[\w@.-]+) (AAAA[\w+/=]+)")
_USER = re.compile(r"Authorized keys from \S+ for user ([^\s+]+)")
_FINISHED = re.compile(r"Cloud-init v\. ?\S+ finished at.*")
_DATASOURCE = re.compile(r"\bDatasource (DataSource\w+)")


@dataclass
class Heard:
    """What the serial console told: a prompt, cloud-init's last line, host keys, and to whom it gave the user's key."""

    prompt: bool = False
    kernel: bool = False
    finished: str = ""
    keys: set[str] = field(default_factory=set)
    users: list[str] = field(default_factory=list)
    starts: Starts = field(default_factory=Starts)  # of Cloudbase-Init

    def take(self, line: str) -> None:
        self.starts.line(line)
        self.prompt |= bool(_PROMPT.search(line))
        self.kernel |= "Linux version " in line
        if found := _FINISHED.search(line):
            self.finished = found[0]
        self.keys |= {f"{kind} {blob}" for kind, blob in _KEY.findall(line)}
        self.users += [name for name in _USER.findall(line) if name not in self.users]

    @property
    def datasource(self) -> str:
        found = _DATASOURCE.search(self.finished)
        return found[1] if found else ""


@dataclass(frozen=True)
class Ssh:
    """What sshd showed and allowed; ``user`` was let in by the key ("" is nobody), ``methods`` by user name.

    ``root`` is what ``id -u`` gave as root: "" where the login was refused; ``sudo`` what it gave the user by sudo.
    """

    host_key: str
    user: str = ""
    methods: Mapping[str, Sequence[str]] = field(default_factory=dict)
    root: str = ""
    sudo: str = ""


@dataclass(frozen=True)
class Answered:
    """How a script of the recipe's own ended (-1: it did not by itself), and its last lines."""

    code: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Boot:
    """One boot; ``seen`` are the answers from within by question, empty where nobody could look inside.

    ``off`` is the seconds from the power button to the power-off: None where it never came.
    """

    instance: Instance
    heard: Heard
    ssh: Ssh | None  # None where no sshd answered
    agent: bool
    seen: Mapping[str, Sequence[str]]
    seconds: float  # from power-on until it let us in, or we gave up
    skew: float = 0.0  # seconds that the guest's clock was ahead of ours
    off: float | None = None
    own: tuple[Answered, ...] = ()
    user: str = ""  # whom the key let in
    asked: tuple[str, ...] = ()  # requests that the metadata service heard

    def said(self, question: str) -> Sequence[str]:
        """Return the lines of one answer. Raises NotLooked where nobody could look inside."""
        if not self.seen:
            raise NotLooked("nobody could look inside: neither the key nor the guest agent gave a way in")
        return self.seen.get(question, ())

    def word(self, question: str) -> str:
        """Return the first line of an answer, "" where there is none."""
        return next(iter(self.said(question)), "").strip()

    @property
    def host_keys(self) -> frozenset[str]:
        return frozenset(" ".join(line.split()[:2]) for line in self.said("host-keys") if line.strip())


@dataclass(frozen=True)
class Trial:
    """Both boots; sizes in bytes: what the image says its disk has, and what the guests were given."""

    hardware: Hardware
    image_size: int
    disk_size: int
    first: Boot
    second: Boot


def sections(lines: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return what the probe printed, by the names after its ``@@``."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        if line.startswith("@@"):
            current = found.setdefault(line[2:].strip(), [])
        else:
            current.append(line)
    return dict(found)
