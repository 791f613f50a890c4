"""The guest families that recipes can name: one file and one line each."""

from goldsmith.guests import demo, rhel6, rhel7, windows
from goldsmith.guests.family import GuestFamily

FAMILIES: dict[str, GuestFamily] = {
    one.name: one for one in (rhel7.FAMILY, rhel6.FAMILY, demo.FAMILY, windows.FAMILY)
}
