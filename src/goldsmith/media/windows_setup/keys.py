"""Product keys: which edition a KMS client setup key belongs to (published by Microsoft for volume licences)."""

import re

from goldsmith.media.windows_setup.wim import WimImage

SETUP_KEYS = {
    "TVRH6-WHNXV-R9WG3-9XRFY-MY832": ("Windows Server 2025", "ServerStandard"),
    "D764K-2NDRG-47T6Q-P8T8W-YP6DF": ("Windows Server 2025", "ServerDatacenter"),
    "VDYBN-27WPP-V4HQT-9VMD4-VMK7H": ("Windows Server 2022", "ServerStandard"),
    "WX4NM-KYWYW-QJJR4-XV3QB-6VM33": ("Windows Server 2022", "ServerDatacenter"),
    "N69G4-B89J2-4G8F4-WWYCC-J464C": ("Windows Server 2019", "ServerStandard"),
    "WMDGN-G9PQG-XVVXX-R3X43-63DFG": ("Windows Server 2019", "ServerDatacenter"),
    "WC2BQ-8NRM3-FDDYY-2BFGV-KHKQY": ("Windows Server 2016", "ServerStandard"),
    "CB7KF-BWN84-R7R2Y-793K2-8XDDG": ("Windows Server 2016", "ServerDatacenter"),
    "D2N9P-3P6X9-2R39C-7RTCD-MDVJX": ("Windows Server 2012 R2", "ServerStandard"),
    "W3GGN-FT8W3-Y4M27-J84CP-Q3VJ9": ("Windows Server 2012 R2", "ServerDatacenter"),
    "W269N-WFGWX-YVC9B-4J6C9-T83GX": ("Windows 1", "Professional"),
    "NPPR9-FWDCX-D2C8J-H872K-2YT43": ("Windows 1", "Enterprise"),
}
REFUSED = (
    "The product key entered does not match any of the Windows images available for installation. "
    "Enter a different product key."
)


def problem_with(key: str, image: WimImage) -> str:
    """Return Setup's objection to a key for an image, or "". A key that is nobody's setup key is believed."""
    if not key:
        return ""
    if not re.fullmatch(
        r"([BCDFGHJKMNPQRTVWXY2346789]{5}-){4}[BCDFGHJKMNPQRTVWXY2346789]{5}", key.replace("N", "B")
    ):
        return "Setup has failed to validate the product key."
    if key not in SETUP_KEYS:
        return ""
    product, edition = SETUP_KEYS[key]
    fits = image.text("STANDIN/PRODUCT").startswith(product) and image.text("WINDOWS/EDITIONID") == edition
    return "" if fits else REFUSED
