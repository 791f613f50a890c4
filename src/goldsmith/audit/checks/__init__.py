"""The table of checks; a new one is a function with its data in one of these files, and a name in its CHECKS."""

from goldsmith.audit.check import Check
from goldsmith.audit.checks import (
    accounts,
    boot,
    cloud,
    container,
    identity,
    kernel,
    leftovers,
    network,
    sources,
    system,
    windows,
    windows_cloud,
    windows_leftovers,
    windows_services,
)

CHECKS: tuple[Check, ...] = (
    *container.CHECKS,
    *boot.CHECKS,
    *kernel.CHECKS,
    *system.CHECKS,
    *network.CHECKS,
    *accounts.CHECKS,
    *identity.CHECKS,
    *cloud.CHECKS,
    *sources.CHECKS,
    *leftovers.CHECKS,
    *windows.CHECKS,
    *windows_services.CHECKS,
    *windows_cloud.CHECKS,
    *windows_leftovers.CHECKS,
)
BY_ID = {check.id: check for check in CHECKS}
