"""Get the medium: by name, path or URL; verified, recognised, and kept by digest."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from goldsmith.errors import HostError, Mark, RecipeError
from goldsmith.events import PhaseStarted, Progress, ToolSaid, Warned
from goldsmith.host import files, osinfo
from goldsmith.host.process import Host
from goldsmith.media import named
from goldsmith.media.identity import Unsure, Wrong, judge_iso, judge_tree, read_treeinfo
from goldsmith.media.tree import treeinfo
from goldsmith.plan.stage import Context, Inputs, Json, Kind, Work
from goldsmith.recipe.steps import Refresh
from goldsmith.stages import remote
from goldsmith.stages.medium import Source, library_of, wrong_digest
from goldsmith.stages.parts import MEDIUM


@dataclass(frozen=True)
class Fetch:
    """One medium, put where qemu can read it and nobody changes it.

    Every file is kept in the library by its digest, also one that qemu could read where it lies: libvirt gives a
    disk's file to qemu's user, folders above it may be closed to that user, and what a later build finds under the
    same path may be another file than the one its key names. Where the file system can, the copy shares the blocks
    of the file. What the library has already is not read again, so a big ISO is hashed once when it is planned
    with, and once more while it is copied. Trees are left where they are. ``further`` are files that the guest needs
    besides, by the name under which its install stage asks for them.
    """

    source: Source
    os: str
    arch: str
    os_at: Mark | None = None
    further: Mapping[str, Source] = field(default_factory=dict)

    name = "fetch"
    kind = Kind.MEDIA
    version = 1
    group = ""

    @property
    def refresh(self) -> Refresh:
        return self.source.refresh

    @property
    def as_of(self) -> str:
        return self.source.as_of

    @property
    def doubt(self) -> str:
        return self.source.doubt

    @property
    def origins(self) -> Mapping[str, Inputs]:
        return {name: {"medium": self.source.location} for name in self.source.known}

    def inputs(self) -> Inputs:
        further: Inputs = {name: dict(source.known) for name, source in self.further.items()}
        if self.source.kind != "image" and not self.source.is_made_here:
            # another os asks again whether the medium is for it
            return {**self.source.known, "os": self.os, **further}
        return {**self.source.known, **further}

    def run(self, work: Work, context: Context) -> None:
        """Leave medium.json: ``location``, ``sha256`` ("" for a tree) and ``size`` in bytes (null for a tree)."""
        sha256, size = "", None
        if self.source.kind == "tree":
            location = self._tree(context)
        else:
            path, sha256 = self._file(context)
            location, size = str(path), path.stat().st_size
        more: dict[str, Json] = {}
        for name, source in self.further.items():
            context.reporter.tell(PhaseStarted(self.name, name.replace("_", " ")))
            path, digest = replace(self, source=source, further={})._file(context)
            more[name] = {"location": str(path), "sha256": digest}
        noted = {"location": location, "sha256": sha256, "size": size, **({"further": more} if more else {})}
        files.write_atomically(work.folder / MEDIUM, json.dumps(noted, indent=1))

    def _tree(self, context: Context) -> str:
        if not self.source.is_url and not Path(self.source.location).exists():
            raise HostError(f"the tree {self.source.location} is gone", fix="mount it again")
        said = treeinfo(context.host_for(self.name), self.source.location)
        tree = read_treeinfo(said) if said is not None else None
        if tree is None:
            what = "it has no .treeinfo" if said is None else "its .treeinfo is none"
            raise RecipeError(
                f"{self.source.location} is no installation tree: {what}",
                at=self.source.at,
                fix="give the URL or folder that .treeinfo is in: the os/ folder of a release",
            )
        if (
            self.source.is_url
            and said
            and self.source.known.get("treeinfo") not in (None, remote.digest_of(said))
        ):
            raise self._another_one()
        self._require_the_os(judge_tree(tree, os=self.os, arch=self.arch), self.source.location, "", context)
        if not self.source.is_url:
            context.reporter.tell(
                Warned(
                    f"the installer is started from {self.source.location}, which the guest cannot read",
                    fix="the kickstart must name packages that the guest can reach: url --url=http://...",
                )
            )
        return self.source.location

    def _file(self, context: Context) -> tuple[Path, str]:
        host = context.host_for(self.name)
        if self.source.is_made_here:
            return self._made(host, context)
        library = library_of(context.state)
        kept = library.find(self.source.sha256) if self.source.sha256 else None
        if kept and not library.intact(kept):
            context.reporter.tell(Warned(f"{kept.path} was damaged, and is got again"))
            if Path(self.source.location) != kept.path:
                library.remove(kept.sha256, by_hand=True)
            kept = None
        if kept:
            with self._doubted(context):
                self._recognise(host, kept.path, context)
            self._warn_of_unknown(kept.sha256, context)
            return kept.path, kept.sha256
        if self.source.is_url:
            return self._downloaded(host, context)
        return self._copied(host, context)

    def _made(self, host: Host, context: Context) -> tuple[Path, str]:
        path = named.NAMED[self.source.location].build(
            host,
            context.state,
            on_line=lambda line: context.reporter.tell(ToolSaid(self.name, self.source.location, line)),
            on_phase=lambda phase: context.reporter.tell(PhaseStarted(self.name, phase)),
        )
        digest = files.sha256_of(path, memo=context.state / "digests.json")
        self._require_wanted(self.source.location, digest)
        return path, digest

    def _downloaded(self, host: Host, context: Context) -> tuple[Path, str]:
        source, library = self.source, library_of(context.state)

        def progress(done: int, total: int) -> None:
            context.reporter.tell(Progress(self.name, done, total, "bytes"))

        def hashing(file: Path) -> Callable[[int], None]:
            context.reporter.tell(PhaseStarted(self.name, "reading its digest"))
            return self._counted(file, context)

        def judge(file: Path, digest: str) -> None:
            self._require_wanted(source.location, digest)
            self._recognise(host, file, context)

        context.reporter.tell(PhaseStarted(self.name, "downloading"))
        kept, answer = remote.download(
            host,
            library,
            source.location,
            verified=bool(source.wanted),
            on_progress=progress,
            on_hashing=hashing,
            judge=judge,
        )
        if source.is_unpinned:
            remote.note(context.state, source.location, remote.found_in(kept, answer, checked=time.time()))
            if source.sha256 not in ("", kept.sha256):
                raise self._another_one()
        self._warn_of_unknown(kept.sha256, context)
        return kept.path, kept.sha256

    def _another_one(self) -> HostError:
        return HostError(
            f"{self.source.location} is another medium than the one that was planned with",
            fix="repeat the command: it is planned with the one that is there now",
        )

    @contextmanager
    def _doubted(self, context: Context) -> Iterator[None]:
        """Let a URL be looked at again, however young it is, whose medium is refused."""
        try:
            yield
        except RecipeError:
            if self.source.is_unpinned:
                remote.doubt(context.state, self.source.location)
            raise

    def _warn_of_unknown(self, digest: str, context: Context) -> None:
        if self.source.is_unpinned:
            context.reporter.tell(
                Warned(
                    f"nobody says what the sha256 of {self.source.location} must be",
                    fix=f"when you trust what came, add to the recipe: media.sha256: {digest}",
                )
            )

    def _copied(self, host: Host, context: Context) -> tuple[Path, str]:
        file = Path(self.source.location)
        if not file.is_file():
            raise HostError(f"the medium {file} is gone", fix="put it back, or give the path of another one")
        self._recognise(host, file, context)
        size = file.stat().st_size
        context.reporter.tell(PhaseStarted(self.name, "keeping it by its digest"))
        medium = library_of(context.state).add(
            file, on_progress=lambda done: context.reporter.tell(Progress(self.name, done, size, "bytes"))
        )
        if medium.sha256 != self.source.sha256:
            raise HostError(
                f"{file} was changed while it was read", fix="repeat the command when nobody writes to it"
            )
        return medium.path, medium.sha256

    def _require_wanted(self, what: str, digest: str) -> None:
        if self.source.wanted and digest != self.source.wanted:
            raise wrong_digest(what, digest, self.source.wanted, self.source.at)

    def _counted(self, file: Path, context: Context) -> Callable[[int], None]:
        size, done = file.stat().st_size, 0

        def count(block: int) -> None:
            nonlocal done
            done += block
            context.reporter.tell(Progress(self.name, done, size, "bytes"))

        return count

    def _recognise(self, host: Host, file: Path, context: Context) -> None:
        """Refuse a broken ISO and one for another guest; one that libosinfo does not know is taken as it is."""
        if self.source.kind != "iso":
            return
        found = osinfo.identify(host, file)
        if found is None:
            raise RecipeError(
                f"{file.name} is no ISO image",
                at=self.source.at,
                fix="give an installation medium; say media.image for a disk image",
            )
        if found.declared_size > (size := file.stat().st_size):
            raise RecipeError(
                f"{file.name} is truncated: it has {files.human_size(size)}, but its header says "
                f"{files.human_size(found.declared_size)}",
                at=self.source.at,
                fix="get it again: the download did not end",
            )
        name = osinfo.canonical(host, self.os)
        verdict = judge_iso(found.matches, os=name or self.os, arch=self.arch, known=bool(name))
        self._require_the_os(verdict, file.name, _label(found), context)

    def _require_the_os(
        self, verdict: Wrong | Unsure | None, what: str, label: str, context: Context
    ) -> None:
        """Refuse a medium for another guest; one that nobody can judge here is taken as it is, and that is said."""
        if isinstance(verdict, Unsure):
            fix = f"see that this is the medium you mean{label}"
            context.reporter.tell(Warned(f"{what} is taken to be {self.os}: {verdict.why}", fix=fix))
        elif verdict:
            right = f"give the {self.arch} medium of {self.os}"
            raise RecipeError(
                f"os is {self.os} ({self.arch}), but {what} installs {verdict.found}{label}",
                at=self.source.at if verdict.arch else self.os_at,
                fix=right if verdict.arch else f"say os: {verdict.os}, or {right}",
            )


def _label(found: osinfo.Medium) -> str:
    """Return what the medium calls itself, and that it does not boot, for a message."""
    said = [f"volume id {found.volume_id!r}"] if found.volume_id else []
    if not found.bootable:
        said.append("not bootable")
    return f" ({', '.join(said)})" if said else ""
