"""SSH keys that are made for one build."""

import io
from dataclasses import dataclass, field
from typing import Literal

import paramiko


@dataclass(frozen=True)
class KeyPair:
    """An SSH key: the private half as PEM text, the public half as a line of authorized_keys."""

    private: str = field(repr=False)
    public: str


def new_key_pair(kind: Literal["ecdsa", "rsa"] = "ecdsa") -> KeyPair:
    """Make a key, for a user or for a host; RHEL 6 knows only ``rsa``."""
    key = paramiko.RSAKey.generate(2048) if kind == "rsa" else paramiko.ECDSAKey.generate()
    private = io.StringIO()
    key.write_private_key(private)
    return KeyPair(private.getvalue(), f"{key.get_name()} {key.get_base64()} goldsmith")


def load(key: KeyPair) -> paramiko.PKey:
    kind = paramiko.RSAKey if key.public.startswith("ssh-rsa ") else paramiko.ECDSAKey
    return kind.from_private_key(io.StringIO(key.private))
