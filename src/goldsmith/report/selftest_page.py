"""The page of a self-test: its document in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_GIB = 2**30


def page(facts: Mapping[str, Any], *, files: Sequence[str], failure: Sequence[str]) -> str:
    """Return the page; ``failure`` is a log's name and its last lines, shown only where the build failed."""
    parts = [
        _head(facts),
        _host(facts),
        _medium(facts["medium"], facts["further_media"]),
        _stages(facts["stages"]),
        _audit(facts["audit"]),
        _boot_test(facts["boot_test"]),
    ]
    if not facts["ok"]:
        parts.append(_failure(facts, failure))
    if facts["warnings"]:
        parts.append("## Warnings\n\n" + "\n".join(f"- {_plain(one['text'])}" for one in facts["warnings"]))
    parts.append("## Files\n\n" + "\n".join(f"- `{name}`" for name in files))
    return "\n\n".join(parts) + "\n"


def _head(facts: Mapping[str, Any]) -> str:
    ended = "built" if facts["ok"] else f"FAILED with exit code {facts['exit_code']}"
    took = f" in {facts['seconds']:.0f} s" if isinstance(facts["seconds"], int | float) else ""
    return (
        f"# Self-test of {facts['family']}: {ended}{took}\n\n"
        f"Goldsmith {facts['goldsmith']}, {facts['started']}, build `{facts['build']}`. "
        "Secrets of the recipe and the name of the host are taken out; read it before you send it."
    )


def _host(facts: Mapping[str, Any]) -> str:
    host, accel = facts["host"], facts["acceleration"]
    how = "not known" if accel is None else ("KVM" if accel["virt_type"] == "kvm" else "TCG (emulation)")
    why = f": {accel['reason']}" if accel and accel["reason"] else ""
    rows = [
        ("system", host["system"]),
        ("kernel", f"{host['kernel']} ({host['architecture']})"),
        ("processors, memory", f"{host['cpus']}, {host['memory'] / _GIB:.1f} GiB"),
        ("guests run by", f"{how}{why}"),
        *facts["tools"].items(),
        ("osinfo-db", host["osinfo_db"] or "not known"),
    ]
    return "## Host\n\n" + _table(("what", "found"), rows)


def _medium(medium: Mapping[str, Any], further: Sequence[Mapping[str, Any]]) -> str:
    rows = [("kind", medium["kind"]), ("name", medium["name"])]
    rows += [(name, str(medium[name])) for name in ("sha256", "size") if medium.get(name)]
    if found := medium.get("identified"):
        names = [found["os"], *(one["os"] for one in found["others"])]
        rows.append(("volume id", found["volume_id"]))
        rows.append(("libosinfo takes it for", ", ".join(filter(None, names)) or "nothing it knows"))
        rows.append(("boots", "yes" if found["bootable"] else "no"))
    if tree := medium.get("treeinfo"):
        rows.append((".treeinfo", " ".join(tree.values())))
    if problem := medium.get("problem"):
        rows.append(("problem", problem))
    rows += [(one["use"], f"{one['name']}, sha256 {one['sha256'] or 'not known'}") for one in further]
    return "## Medium\n\n" + _table(("what", "found"), rows)


def _stages(stages: Sequence[Mapping[str, Any]]) -> str:
    if not stages:
        return "## Stages\n\nNo stage was planned."
    rows = [
        (one["name"], one["state"], f"{one['seconds']:.1f} s" if one["seconds"] is not None else "")
        for one in stages
    ]
    return "## Stages\n\n" + _table(("stage", "state", "took"), rows)


def _audit(report: Mapping[str, Any] | None) -> str:
    if not report:
        return "## Audit\n\nIt was not reached."
    return f"## Audit\n\n{_checks(report)}"


def _boot_test(result: Mapping[str, Any]) -> str:
    if not result["ran"]:
        return f"## Boot test\n\nIt was not run: {result['why']}."
    verdict = "Passed." if result["passed"] else f"FAILED: {_plain(result['why'])}"
    table = f"\n\n{_checks(result['report'])}" if result["report"] else ""
    return f"## Boot test\n\n{verdict}{table}"


def _checks(report: Mapping[str, Any]) -> str:
    rows = [(one["id"], one["status"], one["title"], one["detail"]) for one in report["checks"]]
    counts = ", ".join(f"{count} {name}" for name, count in report["counts"].items() if count)
    return (
        f"Profile {report['profile']}, {_plain(report['system'] or 'system not recognised')}: "
        f"{counts}, {report['seconds']:.0f} s.\n\n" + _table(("check", "status", "title", "found"), rows)
    )


def _failure(facts: Mapping[str, Any], lines: Sequence[str]) -> str:
    shown = f"## Failure\n\n{_fenced(str(facts['error']).splitlines())}"
    if lines:
        shown += f"\n\nThe end of `{lines[0]}`:\n\n{_fenced(lines[1:])}"
    return shown


def _fenced(lines: Iterable[str]) -> str:
    return "\n".join(f"    {''.join(sign if sign.isprintable() else '?' for sign in line)}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(_plain(cell) for cell in row)} |" for row in rows)])


def _plain(value: object) -> str:
    """Return text that stays in its cell: of one line, without the sign that ends a cell, and no markup."""
    text = " ".join(str(value).split())
    for sign in ("\\", "|", "`", "<", "*", "_", "["):
        text = text.replace(sign, f"\\{sign}")
    return text
