"""The head of a physical volume of LVM2, which real LVM reads: one group ``vg`` with one linear volume ``root``."""

import struct
import zlib

MIB = 1 << 20
HEAD = MIB  # bytes before the first extent
_EXTENT = 4 * MIB
_AREA = 4096  # where the metadata begin
_MAGIC = b" LVM2 x[5A%r0N*>"
_UUID = "Gold00-0000-0000-0000-0000-0000-0000{:02d}"  # as LVM writes 32 letters
_TEXT = """vg {{
id = "{vg}" seqno = 1 format = "lvm2" status = ["RESIZEABLE", "READ", "WRITE"] flags = []
extent_size = {extent} max_lv = 0 max_pv = 0 metadata_copies = 0
physical_volumes {{ pv0 {{
  id = "{pv}" device = "/dev/sda2" status = ["ALLOCATABLE"] flags = []
  dev_size = {sectors} pe_start = {first} pe_count = {extents}
}} }}
logical_volumes {{ root {{
  id = "{lv}" status = ["READ", "WRITE", "VISIBLE"] flags = [] segment_count = 1
  segment1 {{ start_extent = 0 extent_count = {extents} type = "striped" stripe_count = 1 stripes = ["pv0", 0] }}
}} }}
}}
contents = "Text Format Volume Group"
version = 1
description = ""
creation_host = "goldsmith"
creation_time = 1767225600
"""


def head(size):
    """Return what comes before the bytes of a volume of this size; the partition has ``HEAD`` and them."""
    extents = size // _EXTENT
    assert extents * _EXTENT == size
    vg, lv, pv = (_UUID.format(number) for number in range(3))
    text = _TEXT.format(
        vg=vg, lv=lv, pv=pv, extent=_EXTENT // 512, sectors=(HEAD + size) // 512, first=HEAD // 512, extents=extents
    ).encode() + b"\0"  # fmt: skip
    place = struct.pack("<QQII", 512, len(text), _crc(text), 0)
    area = (_MAGIC + struct.pack("<IQQ", 1, _AREA, HEAD - _AREA) + place).ljust(508, b"\0")
    volume = struct.pack("<32sQ", pv.replace("-", "").encode(), HEAD + size)
    volume += struct.pack("<QQQQ", HEAD, 0, 0, 0) + struct.pack("<QQQQ", _AREA, HEAD - _AREA, 0, 0)
    label = (struct.pack("<I8s", 32, b"LVM2 001") + volume).ljust(492, b"\0")
    whole = bytearray(HEAD)
    whole[512:1024] = struct.pack("<8sQI", b"LABELONE", 1, _crc(label)) + label
    whole[_AREA : _AREA + 512] = struct.pack("<I", _crc(area)) + area
    whole[_AREA + 512 : _AREA + 512 + len(text)] = text
    return bytes(whole)


def _crc(data):
    return zlib.crc32(data, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
