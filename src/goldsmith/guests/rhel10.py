"""What is true of RHEL 10 only."""

from goldsmith.guests import rhel

FAMILY = rhel.since_8(10, minor=0, memory="4 GiB", least_ram=1536)  # as RHEL 9; libosinfo here knew none
