"""What the console of a guest says about it: one thing while it boots, another once it has let us in."""

from goldsmith.guests.causes.failure import Diagnoser, Diagnosis
from goldsmith.guests.causes.linux import BOOT, KERNEL, PANIC

_PASSING = tuple(
    one for one in KERNEL if one is not PANIC
)  # a guest may well come up after them, and live on
_ENDING = tuple(one for one in BOOT if one not in _PASSING)


class Standing:
    """Judges a guest from boot to boot, by the lines of its console.

    One that boots has failed at the first line after which none comes up, one that has let us in by a panic alone.
    What else was seen is the cause where a wait for it has no end, if it was seen in this boot or in that wait.
    """

    def __init__(self) -> None:
        self.up = False
        self._seen = Diagnoser(BOOT)
        self._boot = Diagnoser(_ENDING)
        self._life = Diagnoser((PANIC,))

    def line(self, text: str) -> None:
        for one in (self._seen, self._boot, self._life):
            one.line(text)

    def prompt(self, text: str) -> None:
        """Take a line that has no end yet, such as ``grub rescue>``."""
        for one in (self._seen, self._boot):
            one.prompt(text)

    def boots(self) -> None:
        """Note that another boot begins."""
        self.up = False
        self._seen, self._boot, self._life = Diagnoser(BOOT), Diagnoser(_ENDING), Diagnoser((PANIC,))

    def let_in(self) -> None:
        """Note that somebody is in."""
        self.up = True

    def waits(self) -> None:
        """Note that something is waited for; while it boots that belongs to the boot."""
        if self.up:
            self._seen = Diagnoser(BOOT)

    @property
    def ended(self) -> Diagnosis | None:
        """Return why it answers no more; None while it may."""
        return self._life.diagnosis()

    @property
    def failed(self) -> bool:
        """Whether it will not come up."""
        return self._boot.failed

    @property
    def cause(self) -> Diagnosis | None:
        """Return why a wait has no answer, as far as the console tells."""
        return self._seen.diagnosis(stuck=True)
