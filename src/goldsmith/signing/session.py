"""The way into a token: its module, the token that a URI names, its PIN."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pkcs11
from pkcs11 import Session, Token, TokenFlag

from goldsmith.errors import GoldsmithError, HostError, UsageError
from goldsmith.signing.keys import Passphrase
from goldsmith.signing.uri import TokenUri, quoted

P11_KIT = "p11-kit-proxy.so"  # shows the tokens of all modules that a host has registered
PIN = "--passphrase env:NAME, file:PATH or command:PROGRAM says where it is; in goldsmith.yaml signing.passphrase"
_ALONE = threading.Lock()  # a login holds for the whole process


@contextmanager
def opened(uri: TokenUri, pin: Passphrase | None, *, writable: bool = False) -> Iterator[tuple[Session, str]]:
    """Give a session of the only token that fits, and the PIN by which it was opened ("" if by none).

    Nothing stays open afterwards, so that a token that was pulled out and put back meanwhile is there again.
    """
    with _ALONE, _module(uri) as library, told(uri):
        token = _only(uri, [one for one in library.get_tokens() if _fits(one, uri)], library)
        secret = _asked(uri, token, pin)
        with _logged_in(uri, token, secret, writable=writable) as session:
            yield session, secret if isinstance(secret, str) else ""


@contextmanager
def told(uri: TokenUri) -> Iterator[None]:
    """Turn what a token answers into words."""
    try:
        yield
    except pkcs11.MechanismParamInvalid:  # only who signs knows what it asked for
        raise
    except pkcs11.PKCS11Error as error:
        raise _refused(uri, error) from None


def wanted(uri: TokenUri, token: Token, mechanism: pkcs11.Mechanism, *, fix: str) -> None:
    """Raise UsageError for a token that does not know or does not allow a mechanism."""
    if mechanism not in token.slot.get_mechanisms():
        raise UsageError(
            f"{uri}: the token {token.label} does not sign by the mechanism CKM_{mechanism.name}", fix=fix
        )


@contextmanager
def _module(uri: TokenUri) -> Iterator["pkcs11._pkcs11.lib"]:
    path = uri.module or P11_KIT
    try:
        library = pkcs11.lib(path)
    except pkcs11.PKCS11Error as error:
        reason = str(error).rpartition(f"{path}: ")[2] or f"it answers {type(error).__name__}"
        fix = "?module-path=FILE names it: of SoftHSM libsofthsm2.so, of smart cards opensc-pkcs11.so"
        if not uri.module:
            fix += "; without it p11-kit is asked, which is not installed"
        raise HostError(f"{uri}: the PKCS#11 module {path} cannot be loaded: {reason}", fix=fix) from None
    try:
        yield library
    finally:
        library.finalize()


def _fits(token: Token, uri: TokenUri) -> bool:
    if not token.flags & TokenFlag.TOKEN_INITIALIZED:
        return False
    serial = token.serial.decode(errors="replace").strip()
    pairs = (
        (uri.token, token.label),
        (uri.manufacturer, token.manufacturer_id),
        (uri.model, token.model),
        (uri.serial, serial),
    )
    return uri.slot in (None, token.slot.slot_id) and all(said in ("", true) for said, true in pairs)


def _only(uri: TokenUri, found: Sequence[Token], library: "pkcs11._pkcs11.lib") -> Token:
    if len(found) == 1:
        return found[0]
    if found:
        serials = ", ".join(f"{one.label} (serial={one.serial.decode(errors='replace')})" for one in found)
        raise UsageError(f"{uri} fits several tokens: {serials}", fix="add token=NAME or serial=NUMBER")
    every = [one for one in library.get_tokens() if one.flags & TokenFlag.TOKEN_INITIALIZED]
    names = ", ".join(f"token={quoted(one.label)}" for one in every)
    raise HostError(
        f"{uri}: there is no such token; the module {library.so} shows {names or 'none'}",
        fix="put it in, or see how it is called: pkcs11-tool --module FILE --list-slots",
    )


def _asked(uri: TokenUri, token: Token, pin: Passphrase | None) -> object:
    """Return the PIN, None where nobody has to log in, or that the token asks for it itself."""
    if not token.flags & TokenFlag.LOGIN_REQUIRED:
        return None
    if pin:
        return pin()
    if token.flags & TokenFlag.PROTECTED_AUTHENTICATION_PATH:
        return pkcs11.PROTECTED_AUTH
    raise UsageError(f"{uri}: the token {token.label} wants its PIN", fix=PIN)


@contextmanager
def _logged_in(uri: TokenUri, token: Token, secret: object, *, writable: bool) -> Iterator[Session]:
    try:
        session = token.open(rw=writable, user_pin=secret)
    except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid):
        raise UsageError(
            f"{uri}: the PIN does not open the token {token.label}",
            fix="see what the reference gives; most tokens lock themselves after three wrong ones",
        ) from None
    except pkcs11.PinLocked:
        raise UsageError(
            f"{uri}: the token {token.label} has locked itself after too many wrong PINs",
            fix="whoever has its SO PIN sets a new one: pkcs11-tool --module FILE --init-pin",
        ) from None
    with session:
        yield session


def _refused(uri: TokenUri, error: pkcs11.PKCS11Error) -> GoldsmithError:
    if isinstance(error, pkcs11.TokenNotPresent | pkcs11.DeviceRemoved | pkcs11.DeviceError):
        return HostError(f"{uri}: the token was taken out, or has failed", fix="put it in, and try again")
    told = f"{type(error).__name__} {error}".strip()
    return HostError(
        f"{uri}: the token refuses: {told}",
        fix="see what it says by itself: pkcs11-tool --module FILE --login --test",
    )
