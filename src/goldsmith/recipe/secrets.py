"""Secrets by reference: where a value is found, and how it is kept out of everything that stays."""

import base64
import hashlib
import hmac
import os
import secrets as randomness
import shlex
import unicodedata
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticKnownError

from goldsmith.errors import HostError, Mark, RecipeError, ToolError
from goldsmith.host.homes import expanded
from goldsmith.host.process import Host, LocalHost

KINDS = ("env", "file", "command")  # what a recipe may refer to
DERIVED = "build"  # made by Goldsmith for one state folder: no recipe can name it, no person need know it
KEY_FILE = "secret-key"
_KEY = 32  # bytes
_CONTROL = ("Cc", "Cs")  # with halves of characters, which are no text
MASK = "********"
_SHORTEST = 4  # shorter values are not masked: they would hide half of every log
_PATIENCE = 30.0  # seconds that a command may take to print a secret


@dataclass(frozen=True)
class Secret:
    """A reference such as ``env:RHSM_KEY``, ``file:PATH`` or ``command:pass show rhsm``; never the value."""

    reference: str
    mark: Mark | None = None

    @property
    def kind(self) -> str:
        return self.reference.partition(":")[0]

    @property
    def target(self) -> str:
        return self.reference.partition(":")[2].strip()

    def __str__(self) -> str:
        return f"!secret {self.reference}"


def is_reference(text: str) -> bool:
    """Say whether a text is a reference that a person may write."""
    kind, _, target = text.partition(":")
    return kind in KINDS and bool(target.strip()) and not holds_control(target)


def holds_control(text: str) -> bool:
    """Say whether a text has a sign in it that no name of a variable, a file or a program has."""
    return any(unicodedata.category(one) in _CONTROL for one in text.strip())


class Secrets(Protocol):
    """Gives values and digests of secrets to those who write files for a guest."""

    def reveal(self, secret: Secret) -> str: ...

    def digest(self, secret: Secret) -> str: ...


class Redactor:
    """Masks every secret that was revealed, also where it was encoded; a LocalHost takes it as ``mask``."""

    def __init__(self) -> None:
        self._forms: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def add(self, value: str) -> None:
        for form in _forms(value):
            if len(form) >= _SHORTEST:
                self._forms[form] = None
        self._forms = dict.fromkeys(sorted(self._forms, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        return text


def _forms(value: str) -> Iterator[str]:
    yield value
    yield shlex.quote(value)
    yield urllib.parse.quote(value, safe="")
    yield urllib.parse.quote_plus(value)
    for line in value.splitlines():
        if len(line) >= 2 * _SHORTEST:
            yield line
    wide = value.encode("utf-16-le", "surrogatepass")
    yield wide.decode("latin-1")
    for data in (value.encode("utf-8", "surrogateescape"), wide):
        yield data.hex()
        yield from _in_base64(data)


def _in_base64(data: bytes) -> Iterator[str]:
    """Yield how base64 shows ``data`` at each of the three places it can have in a longer text."""
    yield base64.b64encode(data).decode()
    for shift in range(3):
        inner = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        start = (0, 2, 3)[shift]
        end = len(inner) - (1 if (shift + len(data)) % 3 else 0)
        yield inner[start:end]
        yield inner[start:end].replace("+", "-").replace("/", "_")


class Vault:
    """Resolves secrets when they are needed, once, and remembers them only to mask them.

    ``state`` is the folder that keeps the random key of the digests, so that a digest in a build key does not
    help someone who guesses values.
    """

    def __init__(self, *, state: Path, host: Host, redactor: Redactor | None = None) -> None:
        self._state = state
        self._host = host
        self._values: dict[str, str] = {}
        self.redactor = redactor or Redactor()

    def __repr__(self) -> str:
        return f"Vault({len(self._values)} secrets)"

    def reveal(self, secret: Secret) -> str:
        """Return the value. Raises RecipeError, with the place of the reference, where there is none."""
        known = self._values.get(secret.reference)
        if known is None:
            known = self._resolve(secret)
            if not known:
                raise _missing(secret, "is empty", "put a value there")
            if any("\ud800" <= one <= "\udfff" for one in known):  # so Python gives bytes of the environment
                raise _missing(secret, "is not UTF-8 text", "put a value there that is")
            self._values[secret.reference] = known
            self.redactor.add(known)
        return known

    def digest(self, secret: Secret) -> str:
        """Return 16 hex digits that change with the value and tell nothing about it."""
        key = _key(self._state / KEY_FILE)
        return hmac.new(key, self.reveal(secret).encode(), "sha256").hexdigest()[:16]

    def _resolve(self, secret: Secret) -> str:
        if secret.kind == DERIVED:
            return _derived(_key(self._state / KEY_FILE), secret.target)
        if secret.kind == "env":
            value = os.environ.get(secret.target)
            if value is None:
                raise _missing(secret, "is not set", f"export {secret.target}=...")
            return value
        return _read(secret) if secret.kind == "file" else self._printed(secret)

    def _printed(self, secret: Secret) -> str:
        host = self._host
        if isinstance(host, LocalHost):
            host = replace(host, log=None, on_line=None)  # what it prints is not known to the redactor yet
        try:
            words = shlex.split(secret.target)
        except ValueError:
            raise _missing(secret, "has an open quote", "close it") from None
        try:
            printed = host.run(*words, timeout=_PATIENCE).stdout.removesuffix("\n")
        except ToolError as error:
            reason = error.problem.partition(":")[0]
            raise _missing(secret, f"failed ({reason})", "run the command by hand") from None
        except HostError as error:
            raise _missing(secret, f"failed: {error.problem}", "name a program of this host") from None
        if "\ufffd" in printed:  # it stands for bytes that are no text
            raise _missing(secret, "is not UTF-8 text", "let the command print UTF-8")
        return printed


class References:
    """Stands for a Vault where values are not wanted, as in ``validate`` and ``render``."""

    def reveal(self, secret: Secret) -> str:
        raise RecipeError(f"{secret} is not revealed here", at=secret.mark, fix="build with it")

    def digest(self, secret: Secret) -> str:
        return hashlib.sha256(secret.reference.encode()).hexdigest()[:16]


def _derived(key: bytes, name: str) -> str:
    """Return a password of 24 characters: the same for every build of a state folder, so that layers are found again.

    It has characters of all the kinds that Windows asks for, and none that a command interpreter reads.
    """
    digest = hmac.new(key, f"build password {name}".encode(), "sha256").digest()
    return "Gs1-" + base64.b32encode(digest).decode()[:20].lower()


def _read(secret: Secret) -> str:
    try:
        text = expanded(secret.target).read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    else:
        return text.removesuffix("\n")
    raise _missing(secret, f"cannot be read: {reason}", "write the secret into that file")


def _missing(secret: Secret, problem: str, fix: str) -> RecipeError:
    return RecipeError(f"the secret {secret.reference} {problem}", at=secret.mark, fix=fix)


def _key(path: Path) -> bytes:
    """Return this state folder's key; two processes that come first at once agree on one."""
    with suppress(FileNotFoundError):
        return _whole(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.{randomness.token_hex(4)}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        key = randomness.token_bytes(_KEY)
        file.write(key + hashlib.sha256(key).digest())
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(aside, path)
    aside.unlink()
    return _whole(path)


def _whole(path: Path) -> bytes:
    """Return the key of a file that also holds its digest, as those do that were made since there are digests."""
    found = path.read_bytes()
    key, digest = found[:_KEY], found[_KEY:]
    if len(key) < _KEY or (digest and digest != hashlib.sha256(key).digest()):
        raise HostError(
            f"{path} is damaged",
            fix="bring back a copy of it; or remove it, and what was built with secrets is built again",
        )
    return key


def _text_or_secret(value: Any) -> str | Secret:
    if isinstance(value, str | Secret):
        return value
    raise PydanticKnownError("string_type")


TextOrSecret = Annotated[
    str | Secret,
    PlainValidator(_text_or_secret),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "description": "Text, or !secret env:NAME | file:PATH | command:PROGRAM"}
    ),
]
