"""The guest families that recipes can name: one file and one line each."""

from goldsmith.guests import demo, rhel6, rhel7, rhel8, rhel9, rhel10, windows
from goldsmith.guests.family import GuestFamily

_RHEL = (rhel10.FAMILY, rhel9.FAMILY, rhel8.FAMILY, rhel7.FAMILY, rhel6.FAMILY)
FAMILIES: dict[str, GuestFamily] = {one.name: one for one in (*_RHEL, demo.FAMILY, windows.FAMILY)}
