"""Where a private key is: in a PEM file, or in a token that signs without giving it away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from goldsmith.errors import HostError
from goldsmith.host.homes import expanded
from goldsmith.signing.names import KeyType
from goldsmith.signing.uri import SCHEME, TokenUri, parse

if TYPE_CHECKING:
    from goldsmith.signing.keys import Passphrase, SigningKey

KeyPlace = Path | TokenUri


def key_place(text: str, folder: Path = Path()) -> KeyPlace:
    """Return the place that a person wrote; files are relative to ``folder``. Raises UsageError for a bad URI."""
    return parse(text) if text.startswith(SCHEME) else folder / expanded(text)


def open_key(place: KeyPlace, secret: "Passphrase | None" = None) -> "SigningKey":
    """Return the key; ``secret`` is its passphrase or the token's PIN, asked for only if it is needed.

    Raises UsageError or HostError.
    """
    if isinstance(place, Path):
        from goldsmith.signing.keys import load_key  # goldsmith.yaml is read by all, keys are opened by few

        return load_key(place, secret)
    with _library():
        from goldsmith.signing.token import load
    return load(place, secret)


def in_token(uri: TokenUri, pin: "Passphrase | None", kind: KeyType) -> "tuple[SigningKey, bool]":
    """Return the key of a token, which is made if there is none, and whether it was made."""
    with _library():
        from goldsmith.signing.token import load_or_make
    return load_or_make(uri, pin, kind)


@contextmanager
def _library() -> Iterator[None]:
    """Say what to do where the library that speaks to tokens is not installed: few need it."""
    try:
        yield
    except ImportError as error:
        if error.name != "pkcs11":
            raise
        raise HostError(
            "keys in tokens need the library python-pkcs11, which is not installed",
            fix="pip install 'goldsmith[pkcs11]'",
        ) from None
