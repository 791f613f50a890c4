"""Long random faults on real processes: python -m tests.soak [--seed N] [--only KIND] [--tries N] [--state FOLDER].

Each try breaks something at a random moment, gives the same command again, and wants an image with the same audit.
"""

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from goldsmith.host.process import LocalHost
from goldsmith.media.named import NAMED

from .alone import go_alone, is_alone
from .factory import Factory, Lost
from .faults import FAULTS


def main(argv: Sequence[str] | None = None) -> int:
    asked = _arguments(argv)
    state = asked.state.absolute()
    if not is_alone():
        state.mkdir(parents=True, exist_ok=True)
        NAMED["goldsmith-demo-installer"].build(
            LocalHost(), state
        )  # from packages, and alone there is no way to them
    go_alone()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"seed {seed} (--seed {seed} repeats this)", flush=True)
    factory = Factory(state, quick=asked.quick)
    factory.prepare()
    tally: dict[str, list[int]] = {}
    try:
        for kind in asked.only or FAULTS:
            tries = asked.tries or FAULTS[kind].tries
            counts = tally.setdefault(kind, [0, 0, 0])
            for number in range(tries):
                _one(factory, kind, random.Random(f"{seed} {kind} {number}"), counts)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    finally:
        factory.tidy()
    return _report(seed, tally)


def _one(factory: Factory, kind: str, chance: random.Random, counts: list[int]) -> None:
    counts[0] += 1
    started = time.monotonic()
    try:
        what = FAULTS[kind].run(factory, chance)
        counts[1] += 1
        end = "survived"
    except Lost as lost:
        counts[2] += 1
        what, end = str(lost), "LOST"
    print(f"{kind} {counts[0]}: {end} after {time.monotonic() - started:.0f} s: {what}", flush=True)


def _report(seed: int, tally: dict[str, list[int]]) -> int:
    print(f"\n{'kind':<16} {'tries':>6} {'survived':>9} {'lost':>5}")
    for kind, (tries, survived, lost) in tally.items():
        print(f"{kind:<16} {tries:>6} {survived:>9} {lost:>5}")
    tries, survived, lost = (sum(one[at] for one in tally.values()) for at in range(3))
    print(f"{'all':<16} {tries:>6} {survived:>9} {lost:>5}   (seed {seed})")
    return 1 if lost or not tries or survived != tries else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat an earlier run")
    parser.add_argument(
        "--only", action="append", choices=list(FAULTS), metavar="KIND", help=", ".join(FAULTS)
    )
    parser.add_argument("--tries", type=int, help="of each kind; each has its own number else")
    parser.add_argument("--state", type=Path, default=Path("/var/tmp/goldsmith-soak"), help="state folder")
    parser.add_argument("--quick", action="store_true", help="begin each time with the second step")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
