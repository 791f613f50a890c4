"""Words that recipes and goldsmith.yaml share."""

from enum import StrEnum


class Format(StrEnum):
    """Image API names of disk formats that can be exported."""

    QCOW2 = "qcow2"
    RAW = "raw"
    VMDK = "vmdk"
    VDI = "vdi"
    VHD = "vhd"
    VHDX = "vhdx"


class Visibility(StrEnum):
    PRIVATE = "private"
    PUBLIC = "public"
    SHARED = "shared"
    COMMUNITY = "community"
