"""What is true of RHEL 8 only."""

from goldsmith.guests import rhel

FAMILY = rhel.since_8(8, minor=10, memory="3 GiB", least_ram=1536)  # libosinfo's minimum
