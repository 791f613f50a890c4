"""Choices that the command line offers as recipes do; it shows them without loading what reads recipes."""

from enum import StrEnum


class Metadata(StrEnum):
    """From where the instances of a boot test get their metadata."""

    BOTH = "both"
    CONFIG_DRIVE = "config-drive"
    SERVICE = "service"
