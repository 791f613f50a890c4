"""Builds as JUnit: one suite for each recipe, one case for each stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

from goldsmith.errors import GoldsmithError, HostError
from goldsmith.events import Event, StageCached, StageFailed, StageFinished
from goldsmith.host.files import write_atomically

_STOPPED = KeyboardInterrupt.__name__  # what a stage that was stopped gives as its error


class StageCases:
    """Collects the stages of builds; a cached stage is a skipped case."""

    def __init__(self) -> None:
        self._suites: dict[str, list[StageCached | StageFailed | StageFinished]] = {}
        self._recipe = ""

    @contextmanager
    def suite(self, recipe: str) -> Iterator[None]:
        """Take the stages of one recipe; a build that fails outside of them gets a case of its own."""
        self._recipe = recipe
        cases = self._suites.setdefault(recipe, [])
        try:
            yield
        except GoldsmithError as error:
            if not any(isinstance(one, StageFailed) for one in cases):
                cases.append(StageFailed("build", 0.0, error.text()))
            raise

    @contextmanager
    def written_to(self, path: Path | None) -> Iterator[None]:
        """Write the report at the end, however that comes."""
        try:
            yield
        finally:
            if path:
                self.write(path)

    def tell(self, event: Event) -> None:
        if isinstance(event, StageCached | StageFailed | StageFinished):
            self._suites.setdefault(self._recipe, []).append(event)

    def write(self, path: Path) -> None:
        """Write the report. Raises HostError where that cannot be."""
        root = ET.Element("testsuites")
        for recipe, cases in self._suites.items():
            failed = sum(isinstance(one, StageFailed) for one in cases)
            suite = ET.SubElement(root, "testsuite", name=f"goldsmith {recipe}", tests=str(len(cases)))
            suite.set("failures", str(failed))
            for one in cases:
                _add(suite, one, recipe)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(
                f"cannot make {path.parent}: {error.strerror}", fix="give --junit another file"
            ) from None
        write_atomically(path, ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _add(suite: ET.Element, one: StageCached | StageFailed | StageFinished, recipe: str) -> None:
    seconds = 0.0 if isinstance(one, StageCached) else one.seconds
    case = ET.SubElement(suite, "testcase", classname=recipe, name=one.stage, time=f"{seconds:.3f}")
    if isinstance(one, StageCached):
        ET.SubElement(case, "skipped", message="cached")
    elif isinstance(one, StageFailed):
        error = "interrupted" if one.error == _STOPPED else one.error
        text = "".join(sign for sign in error if sign in "\n\t" or sign.isprintable())
        ET.SubElement(case, "failure", message=text.partition("\n")[0]).text = text
