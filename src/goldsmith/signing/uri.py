"""Names of keys in tokens: URIs as RFC 7512 has them, which say where a PIN is and never what it is."""

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from goldsmith.errors import UsageError

SCHEME = "pkcs11:"
FORM = "pkcs11:token=NAME;object=NAME?module-path=FILE"
_PATH = ("token", "manufacturer", "model", "serial", "slot-id", "object", "id", "type")
_QUERY = ("module-path", "pin-source")


@dataclass(frozen=True)
class TokenUri:
    """What has to be true of a token and of a key in it; "" and None are true of all.

    ``pin`` is a reference such as ``file:PATH``; ``module`` is "" where the URI leaves it to p11-kit.
    """

    path: str  # as it was written, for messages: without the part that tells of the PIN
    token: str = ""
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    slot: int | None = None
    label: str = ""
    ident: bytes = b""
    module: str = ""
    pin: str = ""

    def __str__(self) -> str:
        return self.path


def parse(text: str) -> TokenUri:
    """Return what a URI names. Raises UsageError, in which no value of the query is repeated."""
    if "pin-value" in text:  # wherever it stands: what is wrong with the rest would be told with it
        raise UsageError(
            "a PIN may not stand in a URI, where others read it",
            fix="take pin-value out and say where the PIN is: pin-source=file:PATH; and change this PIN",
        )
    path, _, query = text.partition("?")
    named = _attributes(path.removeprefix(SCHEME), ";", path)
    asked = _attributes(query, "&", path)
    _known(named, _PATH, path)
    _known(asked, _QUERY, path)
    if named.get("type", "private") != "private":
        raise UsageError(f"{path} names no private key", fix="type=private, or no type at all")
    return TokenUri(
        path,
        token=_text(named, "token", path),
        manufacturer=_text(named, "manufacturer", path),
        model=_text(named, "model", path),
        serial=_text(named, "serial", path),
        slot=_slot(named, path),
        label=_text(named, "object", path),
        ident=urllib.parse.unquote_to_bytes(named.get("id", "")),
        module=_module(_text(asked, "module-path", path), path),
        pin=_reference(_text(asked, "pin-source", path)),
    )


def quoted(name: str | bytes) -> str:
    """Return a value as it stands in a URI: an ``id`` byte by byte, as all tools write it."""
    if isinstance(name, bytes):
        return "".join(f"%{byte:02X}" for byte in name)
    return urllib.parse.quote(name, safe="-._~ ")


def _attributes(part: str, between: str, where: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pair in part.split(between) if part else ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"{where} is no URI of a key: a part of it has no '='", fix=f"write {FORM}")
        if name in found:
            raise UsageError(f"{where} says {name} twice", fix="leave one of them out")
        found[name] = value
    return found


def _known(found: Mapping[str, str], names: tuple[str, ...], where: str) -> None:
    for name in found:
        if name not in names:
            raise UsageError(
                f"{where}: Goldsmith does not know {name!r}", fix=f"it takes {', '.join(_PATH + _QUERY)}"
            )


def _text(found: Mapping[str, str], name: str, where: str) -> str:
    try:
        return urllib.parse.unquote(found.get(name, ""), errors="strict")
    except UnicodeDecodeError:
        raise UsageError(f"{where}: {name} is not UTF-8 text", fix="only id takes any bytes") from None


def _slot(found: Mapping[str, str], where: str) -> int | None:
    said = found.get("slot-id")
    if said is None:
        return None
    if not (said.isascii() and said.isdigit()):
        raise UsageError(f"{where}: slot-id is not a number", fix="token=NAME is better: slots change")
    return int(said)


def _module(path: str, where: str) -> str:
    if path and not path.startswith("/"):
        raise UsageError(f"{where}: module-path is not an absolute path", fix="write all of the path")
    return path


def _reference(source: str) -> str:
    """Return where the PIN is, spelled as all references to secrets are; RFC 7512 has two more spellings."""
    if source.startswith("|"):
        return f"command:{source[1:].strip()}"
    return f"file:{source}" if source.startswith("/") else source
