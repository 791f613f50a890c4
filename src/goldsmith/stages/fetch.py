"""Get the installation medium: by name, path or URL; verified, and kept by digest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import HostError, Mark, RecipeError, UsageError
from goldsmith.events import PhaseStarted, Progress, ToolSaid
from goldsmith.host import files
from goldsmith.media import named
from goldsmith.plan.stage import Context, Inputs, Json, Kind, Work
from goldsmith.stages.parts import MEDIUM


@dataclass(frozen=True)
class Fetch:
    """One medium. ``known`` is what names it in the key: the digest of a file, the inputs of a medium made here."""

    source: str
    sha256: str
    known: Mapping[str, Json]
    at: Mark | None

    name = "fetch"
    kind = Kind.MEDIA
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return dict(self.known)

    def run(self, work: Work, context: Context) -> None:
        if self.source in named.NAMED:
            location: Path | str = self._make(context)
        elif "://" in self.source:
            location = self._download(context)
        else:
            location = self._add(Path(self.source), context)
        files.write_atomically(work.folder / MEDIUM, json.dumps({"location": str(location)}))

    def _make(self, context: Context) -> Path:
        host = context.host_for(self.name)
        return named.NAMED[self.source].build(
            host,
            context.state,
            on_line=lambda line: context.reporter.tell(ToolSaid(self.name, self.source, line)),
            on_phase=lambda phase: context.reporter.tell(PhaseStarted(self.name, phase)),
        )

    def _download(self, context: Context) -> Path | str:
        host = context.host_for(self.name)
        if not self.source.endswith((".iso", ".img", ".qcow2")):
            return self.source  # an installation tree: virt-install reads it from there
        partial = context.state / "store" / "media" / "partial"
        partial.mkdir(parents=True, exist_ok=True)
        file = partial / Path(self.source).name
        context.reporter.tell(PhaseStarted(self.name, "downloading"))
        host.run(
            "curl", "--fail", "--location", "--silent", "--show-error", "--continue-at", "-",
            "--retry", "5", "--retry-connrefused", "--output", file, self.source,
            fix="what has been downloaded is kept, and the same command goes on from there",
        )  # fmt: skip
        kept = self._add(file, context)
        file.unlink()
        return kept

    def _add(self, file: Path, context: Context) -> Path:
        from goldsmith.media.library import Library

        library = Library(context.state / "store" / "media")
        size = file.stat().st_size

        def progress(done: int) -> None:
            context.reporter.tell(Progress(self.name, done, size, "bytes"))

        medium = library.add(file, on_progress=progress)
        if self.sha256 and medium.sha256 != self.sha256.lower():
            raise wrong_digest(file, medium.sha256, self.sha256, self.at)
        return medium.path


def wrong_digest(file: Path, found: str, wanted: str, at: Mark | None) -> RecipeError:
    return RecipeError(
        f"{file} has the sha256 {found}, but the recipe says {wanted.lower()}",
        at=at,
        fix="the file is damaged or another one: get it again, or correct media.sha256",
    )


def local_file(source: str, *, at: Mark | None, help_text: str) -> Path:
    """Return the path of a medium on this host; raise UsageError, which tells where one is obtained."""
    path = Path(source).expanduser()
    if not path.exists():
        raise (
            RecipeError(f"there is no medium {source}", at=at, fix=help_text)
            if at
            else UsageError(f"there is no medium {source}", fix=help_text)
        )
    if not path.is_file():
        raise HostError(f"{source} is not a file", fix="give the path of an ISO file")
    return path.resolve()
