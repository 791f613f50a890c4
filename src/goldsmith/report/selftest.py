"""What a self-test sends back: one document of facts, and a folder with it that anyone can read."""

import json
import shutil
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from goldsmith import __version__
from goldsmith.artifact.manifest import host_facts
from goldsmith.artifact.tools import tool_versions
from goldsmith.boottest.run import REPORT as BOOTED
from goldsmith.compose import Composed
from goldsmith.errors import GoldsmithError
from goldsmith.host import osinfo
from goldsmith.host.accel import Acceleration
from goldsmith.host.process import Host
from goldsmith.media.identity import read_treeinfo
from goldsmith.media.tree import treeinfo
from goldsmith.plan.store import Store
from goldsmith.record.left import left_by
from goldsmith.record.masked import Mask, mask_files
from goldsmith.report.selftest_page import page
from goldsmith.stages.audit import REPORT as AUDITED
from goldsmith.stages.audit import Audit
from goldsmith.stages.boot_test import BootTest
from goldsmith.stages.fetch import Fetch
from goldsmith.stages.parts import MEDIUM

DOCUMENT, PAGE, RECORD = "selftest.json", "selftest.md", "build"
VERSION = 1
_OSINFO_DB = Path("/usr/share/osinfo/VERSION")
_ABSENT = ("disk.qcow2", "lock")


@dataclass(frozen=True)
class Ending:
    """How the build of a self-test ended; ``build`` is its id, ``error`` is masked."""

    build: str
    ok: bool
    exit_code: int = 0
    error: str = ""


def document(
    composed: Composed,
    ending: Ending,
    *,
    family: str,
    state: Path,
    host: Host,
    acceleration: Acceleration | None,
) -> dict[str, Any]:
    """Return all facts of a self-test as JSON values; what cannot be found out says so."""
    record = state / "builds" / ending.build
    built = _read(record / "build.json")
    return {
        "selftest": VERSION,
        "family": family,
        "recipe": composed.recipe.said(),
        "goldsmith": __version__,
        "build": ending.build,
        "started": built.get("started"),
        "seconds": built.get("seconds"),
        "ok": ending.ok,
        "exit_code": ending.exit_code,
        "error": ending.error,
        "host": {**asdict(host_facts()), "osinfo_db": _osinfo_db()},
        "tools": tool_versions(host),
        "acceleration": asdict(acceleration) if acceleration else None,
        "medium": medium_facts(composed, Store(state), host),
        "further_media": [
            {"use": use, "name": source.location.rpartition("/")[2], "sha256": source.sha256}
            for use, source in _fetch(composed).further.items()
        ],
        "stages": [
            {name: one.get(name) for name in ("name", "state", "reason", "seconds", "size", "error")}
            for one in built.get("stages", ())
        ],
        "warnings": built.get("warnings", []),
        "audit": _read(left_by(Audit.name, AUDITED, record, built)) or None,
        "boot_test": _booted(composed, ending, built, record),
    }


def medium_facts(composed: Composed, store: Store, host: Host) -> dict[str, Any]:
    """Return what the medium was: its digest, its label, and what libosinfo or its .treeinfo says it installs."""
    source = _fetch(composed).source
    noted = _noted(store, composed)
    location = str(noted.get("location") or source.location)
    facts: dict[str, Any] = {
        "kind": source.kind,
        "name": location.rstrip("/").rpartition("/")[2] if source.kind != "tree" else location,
        "sha256": noted.get("sha256") or source.sha256,
        "size": noted.get("size"),
    }
    try:
        if source.kind == "tree":
            said = treeinfo(host, location)
            tree = read_treeinfo(said) if said is not None else None
            facts["treeinfo"] = asdict(tree) if tree else None
        elif source.kind == "iso" and Path(location).is_file():
            found = osinfo.identify(host, Path(location))
            facts["identified"] = asdict(found) if found else None
    except GoldsmithError as error:
        facts["problem"] = error.problem
    return facts


def _fetch(composed: Composed) -> Fetch:
    fetch = composed.stages[0]
    assert isinstance(fetch, Fetch)
    return fetch


def write(facts: Mapping[str, Any], *, record: Path, folder: Path, mask: Mask) -> Path:
    """Write the folder and an archive of it, and return the archive; ``folder`` must not exist yet.

    It holds the document, the page and the record of the build (console, logs, screenshots, rendered files, what the
    boot test left), everything once more without the secrets of the recipe. Disks and images are not in it.
    """
    folder.mkdir(parents=True)
    if record.is_dir():
        shutil.copytree(record, folder / RECORD, ignore=shutil.ignore_patterns(*_ABSENT))
        _without_host_name(folder / RECORD / "build.json")
    (folder / DOCUMENT).write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    logs = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())
    (folder / PAGE).write_text(
        page(facts, files=[PAGE, *logs], failure=_last_lines(folder)), encoding="utf-8"
    )
    mask_files(folder, mask)
    archive = folder.with_name(f"{folder.name}.tar.gz")
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, arcname=folder.name)
    return archive


def _last_lines(folder: Path) -> list[str]:
    """Return the end of the log that was written to last, which is where a failure shows."""
    logs = [one for one in folder.rglob("*.log") if one.is_file() and one.stat().st_size]
    if not logs:
        return []
    newest = max(logs, key=lambda one: one.stat().st_mtime)
    lines = newest.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
    return [str(newest.relative_to(folder)), *lines]


def _without_host_name(path: Path) -> None:
    known = _read(path)
    if known:
        for name in ("sha256", "files"):  # of the record itself, which stays as it is
            known.pop(name, None)
        path.write_text(
            json.dumps({**known, "version": 1, "host": ""}, indent=1, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )


def _booted(composed: Composed, ending: Ending, built: Mapping[str, Any], record: Path) -> dict[str, Any]:
    """Return what the boot test found; its report is None where the guest never came up."""
    states = {one.get("name"): one.get("state") for one in built.get("stages", ())}
    state = states.get(BootTest.name)
    if not any(one.name == BootTest.name for one in composed.stages):
        why = "--no-boot-test was given"
    elif state not in ("done", "cached", "failed"):
        why = "the build has no image"
    else:
        passed = state != "failed"
        report = _read(left_by(BootTest.name, BOOTED, record, built)) or None
        return {"ran": True, "passed": passed, "why": "" if passed else ending.error, "report": report}
    return {"ran": False, "passed": None, "why": why, "report": None}


def _noted(store: Store, composed: Composed) -> Mapping[str, Any]:
    """Return what the fetch stage left of this very medium, nothing if it was never done."""
    from goldsmith.planning import plan_of

    key = plan_of(composed, store).steps[0].key
    entry = store.get(key)
    return _read(entry.folder / MEDIUM) if entry else {}


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _osinfo_db() -> str:
    with suppress(OSError):
        return _OSINFO_DB.read_text(encoding="utf-8").strip()
    return ""
