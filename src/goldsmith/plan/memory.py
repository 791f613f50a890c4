"""The memory of the guest at the moment a layer was finished, kept beside it: a later build goes on from there.

It is an extra: a build without it boots the layer. So it is never part of the key or of the seal of its entry, its note
has a seal of its own, and one that is damaged, or of another machine, is thrown away. Whoever has it can read the
guest's memory and log in to a guest that goes on from it: only the owner of the store can.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host import files
from goldsmith.host.sealed import sealed_text, unsealed
from goldsmith.plan.stage import Json

PLACE = "memory"  # the folder of it in the layer's entry
IMAGE = "image"  # what the hypervisor wrote
NOTE = "memory.json"
_SEAL = "seal"  # its key with the digest of all the others
_SHARE = 0.15  # of the time a guest has lived that may be spent on keeping its memory
_PACE = 2 << 30  # bytes of a machine's memory in a second, until it is known: most of it is zeros
_LARGEST = 4 << 30  # bytes of memory of a machine, and what must stay free on the disk


@dataclass(frozen=True)
class Machine:
    """What must be the same for a memory to be of use: the machine's hardware, and whoever runs it."""

    hardware: Mapping[str, Json]
    hypervisor: str


@dataclass(frozen=True)
class Life:
    """One guest from its power-on, however many builds it goes through; all its memories share its credentials.

    ``lived`` and ``spent`` are seconds: since its power-on without the time it was only a file, and on keeping its
    memory, of which ``last`` were for the last time.
    """

    ident: str
    domain: str
    instance: str
    credentials: Mapping[str, str] = field(repr=False)
    lived: float = 0.0
    spent: float = 0.0
    last: float = 0.0

    def affords(self, machine_memory: int, folder: Path) -> bool:
        """Say whether to keep one more memory: the time for it must stay small, and the disk must have room."""
        guess = self.last or machine_memory / _PACE
        if machine_memory > _LARGEST or self.spent + guess > _SHARE * self.lived:
            return False
        return files.free_bytes(folder) > machine_memory + _LARGEST


@dataclass(frozen=True)
class Memory:
    """A kept memory; where ``frozen``, the guest's file systems were, and must be thawed."""

    image: Path
    life: Life
    frozen: bool


class Keeper:
    """Puts memories that were written aside beside their layers; use it with ``with``.

    They are good once their note is there. It needs their digests, which are made while the guest goes on with its
    steps; the layers' keys are to be locked until the end.
    """

    def __init__(self, aside: Path, machine: Machine) -> None:
        self._aside = aside
        self._machine = machine
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="digest")
        self._waiting: list[tuple[Memory, Future[str]]] = []

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, *_: object) -> None:
        self._reading.shutdown(wait=True)
        for memory, digest in self._waiting:
            with suppress(OSError, HostError):  # it is an extra
                _sign(memory, digest.result(), self._machine)

    def stop(self) -> None:
        """Give up what is not signed yet."""
        for kept, digest in self._waiting:
            digest.cancel()
            forget(kept.image.parent.parent)
        self._waiting.clear()

    def place(self, key: str) -> Path:
        """Return where the memory at the end of a layer is to be written; there is nothing yet."""
        folder = self._aside / f"memory-{key}"
        folder.mkdir(mode=0o700, parents=True)
        return folder / IMAGE

    def keep(self, layer: Path, memory: Memory) -> None:
        """Take a memory that was written, for the finished entry in the folder ``layer``."""
        forget(layer)
        with suppress(OSError):
            memory.image.chmod(0o600)
            memory.image.parent.rename(layer / PLACE)
            there = replace(memory, image=layer / PLACE / IMAGE)
            self._waiting.append((there, self._reading.submit(files.sha256_of, there.image)))


def _sign(memory: Memory, digest: str, machine: Machine) -> None:
    facts = {
        "machine": asdict(machine),
        "life": asdict(memory.life),
        "frozen": memory.frozen,
        "sha256": digest,
        "size": memory.image.stat().st_size,
    }  # the image is not synced: what a crash leaves of it has another digest
    files.write_atomically(memory.image.parent / NOTE, sealed_text(facts, key=_SEAL), mode=0o600)


def kept_with(layer: Path, machine: Machine) -> Memory | None:
    """Return the memory that was kept with a layer, whole and of this very machine; another one is thrown away."""
    noted = _noted(layer)
    if noted is None:
        return None
    facts = unsealed(noted, key=_SEAL) or {}
    life = _life(facts)
    same = facts.get("machine") == json.loads(json.dumps(asdict(machine)))
    if life is None or not same or not _whole(layer, facts):
        forget(layer)
        return None
    return Memory(layer / PLACE / IMAGE, life, bool(facts.get("frozen")))


def life_of(layer: Path) -> str:
    """Return whose memory is kept with a layer; "" where none is."""
    life = _life(_facts(layer))
    return life.ident if life else ""


def forget(layer: Path) -> None:
    """Take the memory away that is kept with a layer, if there is one: its note first."""
    with suppress(OSError):
        (layer / PLACE / NOTE).unlink(missing_ok=True)
    shutil.rmtree(layer / PLACE, ignore_errors=True)


def size_of(layer: Path) -> int:
    """Return the bytes on disk of what is kept with a layer."""
    folder = layer / PLACE
    try:
        return sum(files.allocated(path) for path in folder.iterdir())
    except OSError:  # there is none, or it is somebody else's
        return 0


def damaged(layer: Path) -> bool:
    """Say whether what is kept with a layer is other than when it was written; reads it all."""
    noted = _noted(layer)
    if noted is None:  # it is being written
        return False
    facts = unsealed(noted, key=_SEAL) or {}
    whole = _life(facts) and _whole(layer, facts)
    return not whole and _noted(layer) == noted  # else it was forgotten or written anew while it was read


def half_made(layer: Path) -> bool:
    """Say whether a memory is kept with a layer whose note is missing or damaged, so that it is of no use."""
    return (layer / PLACE).is_dir() and not _facts(layer)


@contextmanager
def alone(life: str, locks: Path) -> Iterator[bool]:
    """Hold a guest's life, if nobody does: two machines that go on from it would have one address and one key."""
    with files.try_lock(locks / f"life-{life}.lock") as mine:
        yield mine


def _noted(layer: Path) -> bytes | None:
    with suppress(OSError):
        return (layer / PLACE / NOTE).read_bytes()
    return None


def _facts(layer: Path) -> dict[str, Json]:
    """Return what was noted of a memory; empty where there is no note, or a damaged one."""
    return unsealed(_noted(layer) or b"", key=_SEAL) or {}


def _life(facts: Mapping[str, Json]) -> Life | None:
    noted = facts.get("life")
    try:
        return Life(**noted) if isinstance(noted, dict) else None
    except TypeError:
        return None


def _whole(layer: Path, facts: Mapping[str, Json]) -> bool:
    image = layer / PLACE / IMAGE
    with suppress(OSError, HostError):  # it may go while it is looked at
        if image.stat().st_size == facts.get("size"):
            return files.sha256_of(image) == facts.get("sha256")
    return False
