"""Versions that belong to keys: another virt-sysprep, or another set of checks, gives another result."""

import hashlib
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from goldsmith.errors import GoldsmithError
from goldsmith.host import files
from goldsmith.host.process import Host
from goldsmith.host.sealed import sealed_text, unsealed


def sysprep_version(host: Host, state: Path) -> str:
    """Return major.minor of virt-sysprep, or "" where there is none; asked once for each program file."""
    program = shutil.which("virt-sysprep")
    if program is None:
        return ""
    status = os.stat(os.path.realpath(program))  # noqa: PTH116
    key = [program, status.st_mtime_ns, status.st_size]
    memo = state / "tools.json"
    try:
        known = unsealed(memo.read_bytes()) or {}
        if known.get("key") == key:
            return str(known["virt-sysprep"])
    except (OSError, LookupError):
        pass
    try:
        said = host.run(program, "--version").stdout
    except GoldsmithError:
        return ""
    match = re.search(r"(\d+\.\d+)", said)
    version = match.group(1) if match else said.strip()
    with suppress(OSError, GoldsmithError):  # a state folder that only can be read costs time, no more
        state.mkdir(parents=True, exist_ok=True)
        files.write_atomically(memo, sealed_text({"key": key, "virt-sysprep": version}))
    return version


def audit_checks() -> str:
    """Return the digest of the code of all checks: a changed or new check looks at every image again."""
    return _code("audit")


def boot_checks() -> str:
    """Return the same of the checks of a boot."""
    return _code("boottest")


def _code(package: str) -> str:
    folder = Path(__file__).resolve().parents[1] / package
    running = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        running.update(path.relative_to(folder).as_posix().encode())
        running.update(path.read_bytes())
    return running.hexdigest()[:16]
