"""A token of SoftHSM, in the test's own folder; the fixture ``token`` is there for all tests."""

from pathlib import Path

import pkcs11
import pytest

from goldsmith.host.process import LocalHost
from goldsmith.signing.keys import pem_of
from goldsmith.signing.uri import quoted

MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
)


class SoftToken:
    """SoftHSM with a token ``gold``; ``uri`` names a key in it, ``session`` is the way past Goldsmith."""

    pin = "correct-1234"

    def __init__(self, module: str, folder: Path) -> None:
        self.module = module
        self._folder = folder
        self.conf = folder / "softhsm2.conf"
        (folder / "tokens").mkdir(parents=True)

    def configure(self, *more: str) -> None:
        lines = (f"directories.tokendir = {self._folder}/tokens", "log.level = ERROR", *more)
        self.conf.write_text("\n".join(lines) + "\n")

    def add(self, label: str) -> None:
        self._run("--init-token", "--free", "--label", label, "--so-pin", "owner-1234")

    def take(self, key, label: str, ident: str) -> None:
        """Bring a key in from outside."""
        path = self._folder / "key.pem"
        path.write_bytes(pem_of(key, None))
        self._run("--import", str(path), "--token", "gold", "--label", label, "--id", ident)

    def uri(self, label: str = "", *, token: str = "gold", pin: str = "", more: str = "") -> str:
        named = f"token={token}" + (f";object={quoted(label)}" if label else "") + more
        return f"pkcs11:{named}?module-path={self.module}" + (f"&pin-source={pin}" if pin else "")

    def session(self):
        return pkcs11.lib(self.module).get_token(token_label="gold").open(rw=True, user_pin=self.pin)

    def _run(self, *words: str) -> None:
        LocalHost().run("softhsm2-util", "--module", self.module, *words, "--pin", self.pin)


@pytest.fixture
def token(tmp_path, monkeypatch, tool_on_path):
    module = next((one for one in MODULES if Path(one).exists()), "")
    if not module:
        pytest.skip("no SoftHSM: .ci/packages.sh test installs it")
    tool_on_path("softhsm2-util")
    made = SoftToken(module, tmp_path / "softhsm")
    made.configure()
    monkeypatch.setenv("SOFTHSM2_CONF", str(made.conf))
    made.add("gold")
    yield made
    pkcs11.lib(module).finalize()
