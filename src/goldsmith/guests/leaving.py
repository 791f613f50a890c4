"""What becomes of a machine when its boot ends, in whatever way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from goldsmith.errors import GoldsmithError
from goldsmith.host.hypervisor import Hypervisor

Keep = Callable[[], bool]  # asked when a guest has failed: does it stay?


@contextmanager
def taken_away(hypervisor: Hypervisor, name: str, keep: Keep | None = None) -> Iterator[None]:
    """Destroy and forget a machine on every way out, Ctrl-C included; one that failed stays where ``keep`` says so."""
    kept = False
    try:
        yield
    except GoldsmithError:
        kept = keep is not None and keep()
        raise
    finally:
        if not kept:
            hypervisor.destroy(name)
            hypervisor.undefine(name)
