"""What a recipe installs from, found on this host before anything is planned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from goldsmith.errors import HostError, Mark, RecipeError, UsageError
from goldsmith.host import files
from goldsmith.host.homes import expanded
from goldsmith.media import named
from goldsmith.media.download import SCHEMES
from goldsmith.media.library import Library
from goldsmith.media.tree import NAMES as TREE_FILES
from goldsmith.media.tree import booted, repodata
from goldsmith.media.whole import whole_size
from goldsmith.plan.stage import Context, Json
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.steps import Refresh
from goldsmith.stages.parts import noted_medium
from goldsmith.stages.remote import Looking, settle

NOWHERE = Looking()
TREE_SCHEMES = ("http", "https", "ftp")


@dataclass(frozen=True)
class Source:
    """A medium: ``location`` is a name, an absolute path or a URL.

    ``kind`` is iso, tree, image, or file for what is no installation medium. ``known`` is what names it in keys: the
    digest of a file, wherever it lies; else the URL; or the inputs of a medium that Goldsmith makes itself.
    ``wanted`` is the digest that the recipe asks for, or "". What was found at a URL is ``as_of`` a day, and looked
    at again by ``refresh``; ``doubt`` says why it may be another one now.
    """

    kind: str
    location: str
    known: Mapping[str, Json]
    wanted: str = ""
    at: Mark | None = None
    refresh: Refresh = Refresh.NEVER
    as_of: str = ""
    doubt: str = ""

    @property
    def is_url(self) -> bool:
        return "://" in self.location

    @property
    def is_unpinned(self) -> bool:
        """Say whether a server chooses what this is: a URL, and no sha256 in the recipe."""
        return self.is_url and not self.wanted

    @property
    def is_made_here(self) -> bool:
        return self.location in named.NAMED

    @property
    def sha256(self) -> str:
        """Return the digest as far as it is known before the medium is here."""
        return str(self.known.get("sha256") or "")


def noted_of(context: Context) -> dict[str, Any]:
    """Return what the fetch stage noted of the medium. Raises HostError where its result is not there."""
    if "fetch" not in context.results:
        raise HostError(
            "what was noted of the medium is not in the store any more",
            fix="goldsmith build RECIPE --from fetch",
        )
    return noted_medium(context.results["fetch"].folder)


def library_of(state: Path) -> Library:
    return Library(state / "store" / "media")


def find_source(
    recipe: Recipe,
    state: Path,
    *,
    media_help: str,
    on_hashing: Callable[[int], None] | None = None,
    looking: Looking = NOWHERE,
) -> Source:
    """Find a recipe's medium; a file on this host is read once for its digest, ``on_hashing`` gets its blocks.

    ``looking`` says how far to go for what a URL gives.

    Raises RecipeError at the recipe's place for a medium that is not there, is cut off, or has another digest.
    """
    media = recipe.media
    at = recipe.at("media", media.kind)
    wanted = (media.sha256 or "").lower()
    if media.kind == "tree":
        found = _tree(recipe, state, wanted, media_help, on_hashing)
    else:
        asked = Source(media.kind, media.location, {}, wanted, at)
        found = find_file(
            asked, state, wanted_at=recipe.at("media", "sha256"), media_help=media_help, on_hashing=on_hashing
        )
    if not found.is_unpinned:
        return found
    seen, doubt = settle(found.kind, found.location, state, replace(looking, refresh=media.freshness))
    found = replace(found, refresh=media.freshness, doubt=doubt)
    return replace(found, known=seen.known, as_of=seen.as_of) if seen else found


def find_file(
    asked: Source,
    state: Path,
    *,
    wanted_at: Mark | None,
    media_help: str,
    on_hashing: Callable[[int], None] | None = None,
) -> Source:
    """Return a file that is asked for with what names it in keys; raises as ``find_source`` does."""
    location, wanted, at = asked.location, asked.wanted, asked.at
    if location in named.NAMED:
        return replace(asked, known=named.NAMED[location].inputs())
    if "://" in location:
        _require_scheme(location, SCHEMES, at)
        if urlsplit(location).path.endswith("/"):
            raise RecipeError(
                f"{location} is a folder, not a file",
                at=at,
                fix="say media.tree for an installation tree, or give the URL of the file",
            )
        return replace(asked, known={"sha256": wanted} if wanted else {"url": location, "sha256": None})
    found = _on_this_host(asked, state, media_help, on_hashing)
    if wanted and found.sha256 != wanted:
        raise wrong_digest(found.location, found.sha256, wanted, wanted_at)
    return found


def wrong_digest(what: str, found: str, wanted: str, at: Mark | None) -> RecipeError:
    return RecipeError(
        f"{what} has the sha256 {found}, but the recipe says {wanted}",
        at=at,
        fix="the file is damaged or another one: get it again, or correct the sha256 in the recipe",
    )


def _on_this_host(
    asked: Source, state: Path, media_help: str, on_hashing: Callable[[int], None] | None
) -> Source:
    location, at = asked.location, asked.at
    path = local_path(location, at)
    if path is None:
        kept = library_of(state).find(location) if "/" not in location else None
        if kept is None:
            raise RecipeError(f"there is no medium {location}", at=at, fix=media_help)
        if not library_of(state).intact(kept):
            raise HostError(
                f"the medium {location} was damaged in the library: {kept.path}",
                fix=f"add it again: goldsmith media add {kept.name}",
            )
        return replace(asked, location=str(kept.path), known={"sha256": kept.sha256})
    try:
        whole_size(path)
    except UsageError as error:  # before gigabytes are read for nothing
        raise RecipeError(error.problem, at=at, fix=error.fix) from None
    _require_folder(state)
    digest = files.sha256_of(path, memo=state / "digests.json", on_bytes=on_hashing)
    return replace(asked, location=str(path), known={"sha256": digest})


def _tree(
    recipe: Recipe,
    state: Path,
    wanted: str,
    media_help: str,
    on_hashing: Callable[[int], None] | None,
) -> Source:
    location, at = recipe.media.location, recipe.at("media", "tree")
    if wanted:
        raise RecipeError(
            "media.sha256 says the digest of a file, and a tree is none",
            at=recipe.at("media", "sha256"),
            fix="leave out media.sha256, or install from an ISO",
        )
    if "://" in location:
        _require_scheme(location, TREE_SCHEMES, at)
        return Source("tree", location, {"url": location}, at=at)
    path = local_path(location, at)
    if path is None:
        raise RecipeError(f"there is no installation tree {location}", at=at, fix=media_help)
    info = next((path / name for name in TREE_FILES if (path / name).is_file()), None)
    if info is None:
        raise RecipeError(
            f"{path} is no installation tree: it has no .treeinfo",
            at=at,
            fix="give the folder that .treeinfo is in, such as the place where an ISO is mounted",
        )
    return Source("tree", str(path), _known_of(path, info, state, on_hashing), at=at)


def _known_of(
    tree: Path, info: Path, state: Path, on_hashing: Callable[[int], None] | None
) -> Mapping[str, Json]:
    """Name a tree by .treeinfo, by what its installer starts from and by the indices of its packages."""
    text = info.read_text(encoding="utf-8", errors="replace")
    _require_folder(state)
    found: dict[str, Json] = {
        name: files.sha256_of(tree / name, memo=state / "digests.json", on_bytes=on_hashing)
        for name in (*booted(text), *repodata(text))
        if (tree / name).is_file()
    }
    return {"treeinfo": files.sha256_of(info), **({"files": found} if found else {})}


def _require_folder(state: Path) -> None:
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(
            f"cannot make {state}: {error.strerror}", fix="give --state a folder that you may write to"
        ) from None


def local_path(said: str, at: Mark | None) -> Path | None:
    """Return the absolute path of what a recipe names: from the current folder, else beside the recipe."""
    path = expanded(said)
    beside = Path(at.path).absolute().parent if at else Path()
    try:
        return next(
            (one.resolve() for one in (path, beside / path, beside.parent / path) if one.exists()), None
        )
    except (OSError, ValueError):  # no name that a file could have
        return None


def _require_scheme(url: str, schemes: tuple[str, ...], at: Mark | None) -> None:
    try:
        urlsplit(url)
    except ValueError as error:
        raise RecipeError(f"{url} is no URL: {error}", at=at, fix="correct it") from None
    scheme = url.partition("://")[0].lower()
    if scheme not in schemes:
        raise RecipeError(
            f"media cannot be got by {scheme}://", at=at, fix=f"use one of {', '.join(schemes)}, or a path"
        )
