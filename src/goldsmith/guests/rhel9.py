"""What is true of RHEL 9 only."""

from goldsmith.guests import rhel

FAMILY = rhel.since_8(9, minor=6, memory="3 GiB", least_ram=1536)  # libosinfo's minimum
