"""Find the answer file by the order that Microsoft documents ("Windows Setup Automation Overview")."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goldsmith.media.windows_setup.answers import Answers, BadAnswerFile, read_answers
from goldsmith.media.windows_setup.paths import Drives, NoDriveError
from goldsmith.media.windows_setup.system import SETUP, Dialog, System


@dataclass(frozen=True)
class Place:
    """A place that was looked at; ``rank`` is its number in Microsoft's list."""

    rank: int
    path: str


def places(system: System, *, pe: bool, removable: Sequence[str], discs: Sequence[str]) -> Iterator[Place]:
    """Yield where an answer file may lie, the first one first; drives are given by their letters."""
    name = "Autounattend.xml" if pe else "Unattend.xml"
    explicit = system.registry.text(SETUP, "UnattendFile")
    if explicit:
        yield Place(1, explicit)
    windows = "X:\\Windows" if pe else "C:\\Windows"
    yield Place(2, rf"{windows}\Panther\Unattend\{name}")
    yield Place(3, rf"{windows}\Panther\unattend.xml")
    for rank, letters in ((4, removable), (5, discs)):
        for letter in sorted(letters):
            yield Place(rank, rf"{letter}:\{name}")
    if pe:
        for letter in sorted(discs):
            if _is_medium(system.drives, letter):
                yield Place(6, rf"{letter}:\sources\{name}")
    else:
        yield Place(6, r"C:\Windows\System32\Sysprep\unattend.xml")
    yield Place(7, rf"{'X' if pe else 'C'}:\{name}")


def _is_medium(drives: Drives, letter: str) -> bool:
    return drives.exists(rf"{letter}:\sources\install.wim")


def find_answers(
    system: System, phase: str, *, removable: Sequence[str] = (), discs: Sequence[str] = ()
) -> tuple[str, Answers] | None:
    """Return the first answer file with settings for the pass; raises Dialog for one that Setup cannot read."""
    pe = phase == "windowsPE"
    for place in places(system, pe=pe, removable=removable, discs=discs):
        try:
            file = system.drives.place(place.path)
        except NoDriveError:
            continue
        if not file.is_file():
            continue
        try:
            answers = read_answers(file.read_bytes())
        except BadAnswerFile as error:
            raise Dialog(
                f"Windows could not parse or process the unattend answer file [{place.path}] for pass [{phase}]. "
                f"The answer file is invalid.\n\n{error}"
            ) from None
        if answers.has(phase):
            system.panther.info(
                f"UnattendSearchExplicitPath: found [{place.path}] (rank {place.rank}) for pass [{phase}]"
            )
            for one in answers.ignored:
                system.panther.warning(f"Component of another architecture is ignored: {one}")
            return place.path, answers
        system.panther.info(f"[{place.path}] has no settings for pass [{phase}]")
    return None
