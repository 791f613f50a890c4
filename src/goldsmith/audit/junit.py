"""An audit or a boot test as JUnit XML, which every CI server draws."""

import io
from pathlib import Path
from xml.etree import ElementTree

from goldsmith.audit.report import Report, Result, Status
from goldsmith.host.files import write_atomically


def junit(report: Report) -> str:
    """Return the report as one test suite: waived and skipped checks are skipped tests, warnings passed ones.

    Each tells what was found and what was expected, the failed ones as their failure, the others as output.
    """
    counts = report.counts
    totals = {
        "tests": str(len(report.checks)),
        "failures": str(counts[Status.FAILED]),
        "errors": "0",
        "skipped": str(counts[Status.SKIPPED] + counts[Status.WAIVED]),
        "time": f"{report.seconds:.3f}",
    }
    suites = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(
        suites, "testsuite", {"name": f"goldsmith {report.kind} {report.image.name}", **totals}
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name in ("profile", "format", "system"):
        ElementTree.SubElement(properties, "property", {"name": name, "value": getattr(report, name)})
    for result in report.checks:
        _case(suite, report, result)
    ElementTree.indent(suites)
    out = io.BytesIO()
    ElementTree.ElementTree(suites).write(out, encoding="utf-8", xml_declaration=True)
    return out.getvalue().decode() + "\n"


def _case(suite: ElementTree.Element, report: Report, result: Result) -> None:
    where = {
        "classname": f"{report.kind.replace(' ', '-')}.{report.profile}",
        "name": f"{result.id} {result.title}",
        "time": "0",
    }
    case = ElementTree.SubElement(suite, "testcase", where)
    told = "\n".join(
        f"{name}: {getattr(result, name)}"
        for name in ("found", "expected", "why", "source", "fix", "waiver")
        if getattr(result, name)
    )
    if result.status == Status.FAILED:
        failure = {"message": result.detail, "type": result.severity}
        ElementTree.SubElement(case, "failure", failure).text = told
        return
    if result.status == Status.WAIVED:
        ElementTree.SubElement(case, "skipped", {"message": f"waived: {result.waiver} ({result.detail})"})
    elif result.status == Status.SKIPPED:
        ElementTree.SubElement(case, "skipped", {"message": result.detail})
    head = f"warning: {result.detail}\n" if result.status == Status.WARNING else ""
    ElementTree.SubElement(case, "system-out").text = head + told


def write_junit(report: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, junit(report))
