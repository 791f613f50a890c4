"""Scan the finished image with OpenSCAP, offline, and keep the result; only a wanted score can stop a build."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from goldsmith.audit.container import FORMATS
from goldsmith.errors import GateError, HostError, RecipeError, RecipeErrors, ToolError, UsageError
from goldsmith.events import PhaseStarted
from goldsmith.host import files
from goldsmith.host.guestmount import mounted
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.openscap import OpenScap
from goldsmith.recipe.places import places_of, there
from goldsmith.stages.exported import exported
from goldsmith.stages.parts import PATIENCE, SCAN

ARF, PAGE = "openscap-arf.xml", "openscap.html"
PROGRAM = "oscap"
_XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
_RULES_FAILED = 2  # exit status of oscap where a rule failed or could not be judged; 1 is an error of its own
_NOT_ASKED = {"notapplicable", "notselected"}
_FIX = (
    "apt install openscap-scanner, or dnf install openscap-scanner; content comes with "
    "scap-security-guide (dnf) or ssg-debian and its neighbours (apt); or leave openscap: out of the recipe"
)


@dataclass(frozen=True)
class Scan:
    """One scan of the first exported file. ``digests`` are those of the files that are said, by their names there."""

    said: OpenScap
    digests: Mapping[str, str]

    name = "openscap"
    kind = Kind.CHECK
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return {"profile": self.said.profile, "minimum_score": self.said.minimum_score, **self.digests}

    def run(self, work: Work, context: Context) -> None:
        image = exported(context.results["export"])[0]
        context.reporter.tell(PhaseStarted(self.name, f"scanning for {self.said.profile}"))
        arf, page = work.folder / ARF, work.folder / PAGE
        argv = [PROGRAM, "xccdf", "eval", "--profile", self.said.profile]
        if self.said.tailoring:
            argv += ["--tailoring-file", str(self.said.tailoring)]
        argv += ["--results-arf", str(arf), "--report", str(page), str(self.said.content)]
        host, env = context.host_for(self.name), context.guestfs_env
        with mounted(image.path, driver=FORMATS[image.format], host=host, env=env) as root:
            offline = {"OSCAP_PROBE_ROOT": str(root), "OSCAP_EVALUATION_TARGET": image.path.name}
            host.run(*argv, env=offline, ok=(0, _RULES_FAILED), timeout=PATIENCE, fix=_FIX)
        result = {**read_result(arf), "profile": self.said.profile, **self.digests}
        files.write_atomically(work.folder / SCAN, json.dumps(result, indent=1))
        for name in (SCAN, ARF, PAGE):
            if (work.folder / name).exists():
                shutil.copyfile(work.folder / name, context.folder / name)  # also of a build that this stops
        _judge(result, self.said.minimum_score, context.folder / PAGE)


def scan_of(recipe: Recipe, memo: Path) -> Scan | None:
    """Return the scan that a recipe asks for; None where it asks for none.

    ``memo`` keeps digests of files. Raises HostError where the program is not installed and RecipeErrors for files
    that are not there, so that nobody learns of it after the build.
    """
    said = recipe.openscap
    if said is None:
        return None
    named = {"content": said.content, **({"tailoring": said.tailoring} if said.tailoring else {})}
    found = {name: _found(recipe, name, path) for name, path in named.items()}
    lacking = [
        RecipeError(f"there is no file {path}", at=recipe.at("openscap", name), fix=_FIX)
        for name, path in found.items()
        if not (there(path) and path.is_file())
    ]
    if lacking:
        raise RecipeErrors(lacking)
    if shutil.which(PROGRAM) is None:
        raise HostError(f"{PROGRAM} is not installed, and {recipe.name} asks for openscap", fix=_FIX)
    digests = {name: files.sha256_of(path, memo=memo) for name, path in found.items()}
    return Scan(said.model_copy(update=found), digests)


def _found(recipe: Recipe, name: str, path: Path) -> Path:
    """Return where a file is that a recipe names; the first place where it may be if it is not there."""
    mark = recipe.at("openscap", name)
    if mark is None:
        return path
    places = places_of(path, Path(mark.path))
    return next((one for one in places if there(one)), places[0])


def read_result(arf: Path) -> dict[str, object]:
    """Return score (percent), counts of rules by result, and the rules that failed, of an asset report (ARF).

    Raises ToolError for what is none, or has no result in it.
    """
    try:
        (found, *_) = ET.parse(arf).getroot().iter(f"{_XCCDF}TestResult")
        score = next(found.iter(f"{_XCCDF}score"))
        percent = 100 * float(score.text or "") / float(score.get("maximum") or 100)
    except (OSError, ET.ParseError, StopIteration, ValueError, ZeroDivisionError) as error:
        raise ToolError(f"oscap left no result that can be read: {error}", fix=_FIX) from None
    rules = [
        (str(one.get("idref")), str(one.get("severity") or "unknown"), one.findtext(f"{_XCCDF}result") or "")
        for one in found.iter(f"{_XCCDF}rule-result")
    ]
    counts = Counter(result for _, _, result in rules)
    return {
        "score": round(percent, 2),
        "rules": dict(sorted(counts.items())),
        "failed": [
            {"rule": rule, "severity": severity} for rule, severity, result in rules if result == "fail"
        ],
    }


def _judge(result: Mapping[str, object], least: float | None, page: Path) -> None:
    score, rules = result["score"], result["rules"]
    assert isinstance(rules, dict)
    if not rules.keys() - _NOT_ASKED:
        raise UsageError(
            f"none of the {sum(rules.values())} rules of {result['profile']} was asked of this image: "
            "its content is for another system",
            fix="name content that was written for the image's own release; oscap info CONTENT tells for what it is",
        )
    assert isinstance(score, float)
    if least is not None and score < least:
        raise GateError(
            f"OpenSCAP gives {score:g} percent, less than the {least:g} of openscap.minimum_score",
            fix=f"{page} tells what each rule wants",
        )
