"""Media by URL whose sha256 nobody says: what was found there, and whether that is still so.

The digest that was found names the medium in keys, as if the recipe said it. So a server that is looked at again and
has the same file still changes no key, and one that is not due to be looked at is not asked.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from goldsmith.errors import CatalogError, HostError
from goldsmith.host import files
from goldsmith.host.process import Host
from goldsmith.host.sealed import sealed_text, unsealed
from goldsmith.media.download import Answer, Download, Progress, look, read_answer
from goldsmith.media.library import Library, Medium
from goldsmith.media.tree import fetched, repodata, treeinfo
from goldsmith.plan.freshness import day_of, is_due
from goldsmith.plan.stage import Json
from goldsmith.recipe.steps import Refresh

MEMO = "urls.json"
_URLS = "urls"
_QUICK = 10  # seconds for an answer where no more than a plan is made


@dataclass(frozen=True)
class Looking:
    """How far a command goes to learn what a URL gives: without ``host`` it asks nobody.

    Where it ``gets``, what is not known is got, and what cannot be had ends the command. ``now`` is the time of the
    build, in seconds since the epoch; with ``always`` all that may be is due, with ``anew`` nothing known is taken.
    """

    host: Host | None = None
    gets: bool = False
    on_progress: Progress | None = None
    now: float = 0.0
    refresh: Refresh = Refresh.WEEKLY
    always: bool = False
    anew: bool = False

    def takes(self, found: "Found") -> bool:
        """Say whether what was found is taken without a question."""
        often = self.always and self.refresh is not Refresh.NEVER
        return not is_due(found.checked, Refresh.ALWAYS if often else self.refresh, self.now)


@dataclass(frozen=True)
class Found:
    """What a URL gave: ``known`` names it in keys; ``checked``, since the epoch, is when it was last seen to be so.

    By ``version`` and ``size`` a server tells a changed file without sending it. ``checked`` is 0 for what was
    refused as a medium since: it is looked at again in any case.
    """

    known: Mapping[str, Json]
    checked: float = 0.0
    version: str = ""
    size: int | None = None

    @property
    def as_of(self) -> str:
        return f"medium as of {day_of(self.checked)}" if self.checked else ""


def settle(kind: str, url: str, state: Path, looking: Looking) -> tuple[Found | None, str]:
    """Return what is known of a URL, and why it may not be so any more ("" where it is).

    Raises CatalogError or HostError where ``looking`` gets, and the medium cannot be had.
    """
    found = recall(state, url)
    if looking.host is None or (looking.anew and not looking.gets):
        return found, ""
    if found and not looking.anew and looking.takes(found):
        return found, ""
    try:
        if kind == "tree":
            return _tree(looking.host, url, state, looking), ""
        if found and not looking.anew and _is_same(looking.host, url, found, quick=not looking.gets):
            return note(state, url, replace(found, checked=_now(looking))), ""
        if looking.gets:
            return _got(looking.host, url, state, looking), ""
    except (CatalogError, HostError) as error:
        if looking.gets:
            raise _not_seen(error, found) from None
        return None, f"{found.as_of or url}, and {error.problem}" if found else ""
    return None, f"{url} has changed since {day_of(found.checked)}" if found and found.checked else ""


def download(
    host: Host,
    library: Library,
    url: str,
    *,
    verified: bool = False,
    on_progress: Progress | None = None,
    on_hashing: Callable[[Path], Callable[[int], None]] | None = None,
    judge: Callable[[Path, str], None] = lambda _file, _digest: None,
) -> tuple[Medium, Answer]:
    """Get a file into the library, and return it with what the server called it.

    ``judge`` raises for a file, with its digest, that is not wanted; what is wrong as a whole is not gone on from.
    """
    aside = library.folder / "partial"
    aside.mkdir(parents=True, exist_ok=True)
    ours = Download.under(aside, url, verified=verified)
    with files.locked(aside / f"{ours.folder.name}.lock"):  # of two builds one goes on with the partial file
        file = ours.run(host, on_progress=on_progress)
        answer = read_answer(ours.folder / "headers")
        answer = replace(answer, total=file.stat().st_size)
        digest = files.sha256_of(file, on_bytes=on_hashing(file) if on_hashing else None)
        try:
            judge(file, digest)
        except BaseException:
            ours.drop()
            raise
        medium = library.take(file, sha256=digest)
        ours.drop()
    return medium, answer


def found_in(medium: Medium, answer: Answer, *, checked: float) -> Found:
    return Found({"sha256": medium.sha256}, checked, answer.version, answer.total)


def recall(state: Path, url: str) -> Found | None:
    """Return what was noted of a URL; None where that is lost, which costs a download."""
    said = _recalled(state).get(_name(url))
    try:
        return Found(**said) if isinstance(said, dict) else None
    except TypeError:
        return None


def note(state: Path, url: str, found: Found) -> Found:
    """Keep what was found; a state folder that only can be read costs another look, no more."""
    memo = state / MEMO
    with suppress(HostError, OSError):
        state.mkdir(parents=True, exist_ok=True)
        with files.locked(memo.with_name(memo.name + ".lock")):
            facts = {**_recalled(state), _name(url): asdict(found)}
            files.write_atomically(memo, sealed_text({_URLS: facts}), mode=0o600)
    return found


def doubt(state: Path, url: str) -> None:
    """Let the next build look again at a URL that gave no medium for this one."""
    if found := recall(state, url):
        note(state, url, replace(found, checked=0.0))


def _got(host: Host, url: str, state: Path, looking: Looking) -> Found:
    medium, answer = download(host, Library(state / "store" / "media"), url, on_progress=looking.on_progress)
    return note(state, url, found_in(medium, answer, checked=_now(looking)))


def _is_same(host: Host, url: str, found: Found, *, quick: bool) -> bool:
    """Ask whether the file is still the one that was got; a server that tells no version cannot say so."""
    answer = look(host, url, patience=_QUICK) if quick else look(host, url)
    if quick and not answer.status:
        raise CatalogError(f"{url} does not answer")
    same = (answer.version, answer.total) == (found.version, found.size)
    return answer.status == 200 and bool(found.version) and same


def _tree(host: Host, url: str, state: Path, looking: Looking) -> Found | None:
    """Read the small files of a tree that name all the others by digest; None where it is none."""
    tries = {} if looking.gets else {"tries": 1}
    text = treeinfo(host, url, **tries)
    if text is None:
        return None
    indices = {place: fetched(host, url, place, **tries) for place in repodata(text)}
    known: dict[str, Json] = {
        "url": url,
        "treeinfo": digest_of(text),
        "repodata": {place: digest_of(one) for place, one in indices.items() if one is not None},
    }
    return note(state, url, Found(known, _now(looking)))


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _not_seen(error: CatalogError | HostError, found: Found | None) -> CatalogError | HostError:
    if found and found.checked:
        error.fix += f"; media.refresh: never goes on with the one of {day_of(found.checked)}"
    return error


def _now(looking: Looking) -> float:
    return max(looking.now, time.time())  # a build that is gone on with has an older time


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()  # it may hold a password


def _recalled(state: Path) -> dict[str, object]:
    try:
        facts = (unsealed((state / MEMO).read_bytes()) or {}).get(_URLS)
    except OSError:
        return {}
    return facts if isinstance(facts, dict) else {}
