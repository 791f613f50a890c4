"""Tell others how a night ended: JUnit for the CI, JSON for programs, a hook, a webhook."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from goldsmith.errors import GoldsmithError, HostError
from goldsmith.fleet.results import Ended, Result, summary, worst
from goldsmith.host.files import write_atomically
from goldsmith.host.process import Host
from goldsmith.recipe.nightly import Notify

_ANSWER = 30.0  # seconds that a hook or a webhook gets


def document(results: Sequence[Result], *, began: float, seconds: float) -> dict[str, Any]:
    """Return the night as JSON values; ``began`` is in seconds since the epoch."""
    return {
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": round(seconds, 1),
        "exit_code": worst(one.exit_code for one in results),
        "summary": summary(results),
        "recipes": [one.as_json() for one in results],
    }


def write_junit(path: Path, results: Sequence[Result], parts: Path) -> None:
    """Write one report: the stages of each build from ``parts``, and a case for what a recipe came to.

    Raises HostError where it cannot be written.
    """
    root = ET.Element("testsuites")
    for one in results:
        suite = _stages(parts / f"{one.recipe}.xml")
        if suite is None:
            suite = ET.Element("testsuite", name=f"goldsmith {one.recipe}")
        if one.ended is Ended.FAILED and not suite.findall("testcase/failure"):
            _case(suite, one, "build", one.error or f"exit status {one.exit_code}")
        elif one.ended in (Ended.SKIPPED, Ended.UNCHANGED, Ended.STOPPED):
            ET.SubElement(_case(suite, one, "build"), "skipped", message=one.why or one.ended.value)
        if one.refused:
            _case(suite, one, "promotion", "\n".join(one.refused))
        elif one.channel:
            _case(suite, one, "promotion")
        suite.set("tests", str(len(suite.findall("testcase"))))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        root.append(suite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, ET.tostring(root, encoding="utf-8", xml_declaration=True))
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", fix="give --junit another file") from None


def notify(wanted: Notify, told: dict[str, Any], host: Host) -> list[str]:
    """Tell the hook and the webhook; return in words whom the message did not reach, for that fails no night."""
    if wanted.when == "failure" and told["exit_code"] == 0:
        return []
    text, lost = json.dumps(told), []
    if wanted.command:
        try:
            host.run(*wanted.command, stdin=text + "\n", timeout=_ANSWER)
        except GoldsmithError as error:
            lost.append(f"notify.command: {error.problem}")
    if wanted.webhook:
        headers = {"Content-Type": "application/json"}
        try:
            asked = urllib.request.Request(wanted.webhook, data=text.encode(), headers=headers, method="POST")
            with urllib.request.urlopen(asked, timeout=_ANSWER):
                pass
        except (OSError, ValueError, http.client.HTTPException) as error:
            lost.append(f"notify.webhook: {error}")
    return lost


def _case(suite: ET.Element, one: Result, name: str, failure: str = "") -> ET.Element:
    took = (
        one.seconds if name == "build" else 0.0
    )  # a promotion comes after the stages, whose times are theirs
    case = ET.SubElement(suite, "testcase", classname=one.recipe, name=name, time=f"{took:.3f}")
    if failure:
        text = "".join(sign for sign in failure if sign in "\n\t" or sign.isprintable())
        ET.SubElement(case, "failure", message=text.partition("\n")[0]).text = text
    return case


def _stages(path: Path) -> ET.Element | None:
    try:
        return ET.parse(path).getroot().find("testsuite")
    except (OSError, ET.ParseError):
        return None
