"""A build as JUnit: one case for each stage."""

from pathlib import Path
from xml.etree import ElementTree

from goldsmith.events import Event, StageCached, StageFailed, StageFinished
from goldsmith.host.files import write_atomically


class StageCases:
    """Collects the stages of a build; a cached stage is a skipped case."""

    def __init__(self) -> None:
        self._cases: list[Event] = []

    def tell(self, event: Event) -> None:
        if isinstance(event, StageCached | StageFailed | StageFinished):
            self._cases.append(event)

    def write(self, path: Path, recipe: str) -> None:
        """Write the report; control characters, which XML cannot hold, are left out."""
        suite = ElementTree.Element("testsuite", name=f"goldsmith {recipe}", tests=str(len(self._cases)))
        failed = sum(isinstance(one, StageFailed) for one in self._cases)
        suite.set("failures", str(failed))
        for one in self._cases:
            assert isinstance(one, StageCached | StageFailed | StageFinished)
            seconds = 0.0 if isinstance(one, StageCached) else one.seconds
            case = ElementTree.SubElement(suite, "testcase", classname=recipe, name=one.stage)
            case.set("time", f"{seconds:.3f}")
            if isinstance(one, StageCached):
                ElementTree.SubElement(case, "skipped", message="cached")
            elif isinstance(one, StageFailed):
                text = "".join(sign for sign in one.error if sign >= " " or sign in "\n\t")
                problem = ElementTree.SubElement(case, "failure", message=text.partition("\n")[0])
                problem.text = text
        data = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
