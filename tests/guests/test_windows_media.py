import io
import struct

import pycdlib
import pytest

from goldsmith.errors import UsageError
from goldsmith.guests.windows_answers import driver_files
from goldsmith.guests.windows_media import check_media
from goldsmith.guests.windows_versions import DRIVERS_MSI, GUEST_AGENT_ON_DRIVERS
from goldsmith.host.disc import open_disc
from goldsmith.recipe.model import Recipe

MSI = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 504
STANDARD = (1, "Windows Server 2022 SERVERSTANDARD", "ServerStandard")
DATACENTER = (2, "Windows Server 2022 SERVERDATACENTER", "ServerDatacenter")


def windows(os="win2k22", **said):
    return Recipe.model_validate(
        {"name": "w", "family": "windows", "os": os, "media": {"iso": "x.iso"}, "windows": said}
    )


def wim(*images, arch="9", build="20348", language="en-US"):
    """Return the bytes of a .wim that holds nothing but its own description."""
    described = "".join(
        f'<IMAGE INDEX="{index}"><NAME>{name}</NAME><WINDOWS><ARCH>{arch}</ARCH><EDITIONID>{edition}</EDITIONID>'
        f"<LANGUAGES><LANGUAGE>{language}</LANGUAGE></LANGUAGES><VERSION><BUILD>{build}</BUILD></VERSION>"
        "</WINDOWS></IMAGE>"
        for index, name, edition in images
    )
    xml = ("\ufeff<WIM>" + described + "</WIM>").encode("utf-16-le")
    header = bytearray(208)
    header[:8] = b"MSWIM\0\0\0"
    struct.pack_into("<QQQ", header, 72, len(xml) | 2 << 56, 208, len(xml))
    return bytes(header) + xml


KINDS = {
    "udf": ("udf_path", {"udf": "2.60"}),
    "joliet": ("joliet_path", {"joliet": 3}),
    "iso": ("rr", {"rock_ridge": "1.09"}),
}


def disc(path, files, *, kind="iso", label="DISC"):
    image = pycdlib.PyCdlib()
    view, options = KINDS[kind]
    image.new(interchange_level=3, vol_ident=label, **options)
    folders = {}
    for name, data in files.items():
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/" + "/".join(parts[:depth])
            if folder not in folders:
                above = folders.get("/" + "/".join(parts[: depth - 1]), "")
                folders[folder] = f"{above}/D{len(folders)}"
                image.add_directory(folders[folder], **_named(view, folder))
        parent = folders.get("/" + "/".join(parts[:-1]), "")
        short = f"{parent}/F{len(parent)}{abs(hash(name)) % 100000}.BIN;1"
        image.add_fp(io.BytesIO(data), len(data), short, **_named(view, f"/{name}"))
    image.write(str(path))
    image.close()
    return path


def _named(view, path):
    return {"rr_name": path.rpartition("/")[2]} if view == "rr" else {view: path}


def drivers_disc(tmp_path, recipe, *, without=(), label="virtio-win-0.1.285"):
    files = dict.fromkeys([*driver_files(recipe), DRIVERS_MSI, GUEST_AGENT_ON_DRIVERS], b"x")
    return disc(
        tmp_path / "virtio-win.iso", {n: d for n, d in files.items() if n not in without}, label=label
    )


@pytest.fixture
def problems(tmp_path):
    """Check a recipe with good media, but for what is given."""

    def ask(recipe, *, images=None, drivers=None, msi=MSI, files=None):
        good = wim(STANDARD, DATACENTER) if images is None else images
        iso = disc(tmp_path / "x.iso", files or {"sources/install.wim": good}, kind="udf")
        (tmp_path / "cloudbase.msi").write_bytes(msi)
        found = check_media(
            recipe,
            windows=iso,
            drivers=drivers or drivers_disc(tmp_path, recipe),
            cloudbase_init=tmp_path / "cloudbase.msi",
        )
        return [one.text() for one in found]

    return ask


def test_the_right_media_are_taken(problems):
    assert problems(windows()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_disc_is_looked_into_without_regard_to_case(tmp_path, kind):
    path = disc(
        tmp_path / "d.iso", {"Sources/Install.wim": b"abcdef", "boot/x": b"y"}, kind=kind, label="HERE"
    )
    with open_disc(path) as one:
        assert one.label == "HERE"
        assert one.has("sources/INSTALL.WIM")
        assert one.has("boot")
        assert not one.has("sources/install.esd")
        assert one.read("sources/install.wim", 2, 3) == b"cde"
        assert one.read("sources/install.wim", 4, 99) == b"ef"
        assert one.below("sources") == ["Sources/Install.wim"]
        one.copy_out("sources/install.wim", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"abcdef"


def test_what_is_no_disc_is_told(tmp_path):
    (tmp_path / "no.iso").write_bytes(b"nothing" * 9999)
    with (
        pytest.raises(UsageError, match=r"no\.iso cannot be read as a disc image"),
        open_disc(tmp_path / "no.iso"),
    ):
        pass


def test_a_medium_without_an_image_to_install_is_no_medium_of_windows(problems):
    (told,) = problems(windows(), files={"readme.txt": b"x"})
    assert "x.iso has no sources/install.wim" in told


def test_a_damaged_wim_is_told(problems):
    (told,) = problems(windows(), images=b"MSWIM")
    assert "sources/install.wim on x.iso is damaged" in told


def test_an_image_that_is_not_on_the_medium_is_told_with_those_that_are(problems):
    (told,) = problems(windows(core=True))
    assert "x.iso has no image Windows Server 2022 SERVERSTANDARDCORE" in told
    assert "1 Windows Server 2022 SERVERSTANDARD, 2 Windows Server 2022 SERVERDATACENTER" in told


def test_an_image_is_found_by_its_number(problems):
    assert problems(windows(image_index=2, edition="datacenter")) == []
    (told,) = problems(windows(image_index=3))
    assert "has no image 3" in told


def test_an_evaluation_medium_takes_no_key(problems):
    evaluation = wim((1, "Windows Server 2022 SERVERSTANDARD", "ServerStandardEval"))
    (told,) = problems(windows(), images=evaluation)
    assert "x.iso is an evaluation medium (ServerStandardEval), which takes no product key" in told
    assert "say windows.product_key: none" in told
    assert problems(windows(product_key="none"), images=evaluation) == []


def test_a_generic_key_of_another_edition_is_told(problems):
    (told,) = problems(windows(image_index=2))
    assert "the product key is the generic one of ServerStandard, and image 2 is ServerDatacenter" in told


def test_a_generic_key_of_another_version_is_told(problems):
    (told,) = problems(windows(product_key="TVRH6-WHNXV-R9WG3-9XRFY-MY832"))
    assert "the generic one of ServerStandard of win2k25" in told


def test_a_key_that_nobody_knows_is_left_to_setup(problems):
    assert problems(windows(product_key="AAAAA-BBBBB-CCCCC-DDDDD-EEEEE")) == []


def test_a_32_bit_medium_is_told(problems):
    (told,) = problems(windows(), images=wim(STANDARD, arch="0"))
    assert "x.iso installs Windows for x86, and w is for x86_64" in told


def test_a_medium_of_another_version_is_told(problems):
    (told,) = problems(windows(), images=wim(STANDARD, build="17763"))
    assert "x.iso installs Windows Server 2019 (build 17763), and not Windows Server 2022" in told
    (told,) = problems(windows(), images=wim(STANDARD, build="7601"))
    assert "x.iso installs build 7601, and not Windows Server 2022" in told


def test_a_medium_in_another_language_is_told(problems):
    (told,) = problems(windows(), images=wim(STANDARD, language="de-DE"))
    assert "x.iso has no texts in en-US" in told
    assert "say windows.ui_language: de-DE" in told


def test_a_folder_that_the_virtio_win_iso_lacks_is_told_before_the_machine_starts(problems, tmp_path):
    recipe = windows()
    lacking = drivers_disc(tmp_path, recipe, without=("vioscsi/2k22/amd64/vioscsi.inf", DRIVERS_MSI))
    (told,) = problems(recipe, drivers=lacking)
    assert (
        "virtio-win-0.1.285.iso has not what Windows Server 2022 needs: "
        "the folder vioscsi/2k22/amd64, virtio-win-gt-x64.msi" in told
    )


def test_2012_r2_needs_drivers_with_a_signature_that_it_accepts(problems, tmp_path):
    recipe = windows("win2k12r2")
    images = wim((1, "Windows Server 2012 R2 SERVERSTANDARD", "ServerStandard"), build="9600")
    (told,) = problems(recipe, images=images)
    assert "Windows Server 2012 R2 refuses the drivers of virtio-win-0.1.285" in told
    assert "give virtio-win 0.1.215" in told
    old = drivers_disc(tmp_path, recipe, label="virtio-win-0.1.215")
    assert problems(recipe, images=images, drivers=old) == []


def test_an_installer_that_is_none_is_told(problems):
    (told,) = problems(windows(), msi=b"<html>not found</html>")
    assert "cloudbase.msi is no Windows Installer package" in told


def test_an_installer_that_is_not_there_is_told(tmp_path):
    recipe = windows()
    iso = disc(tmp_path / "x.iso", {"sources/install.wim": wim(STANDARD)}, kind="udf")
    found = check_media(
        recipe,
        windows=iso,
        drivers=drivers_disc(tmp_path, recipe, without=(GUEST_AGENT_ON_DRIVERS,)),
        cloudbase_init=tmp_path / "gone.msi",
        guest_agent=tmp_path / "gone-too.msi",
    )
    assert [one.problem.partition(",")[0] for one in found] == [
        "the installer of Cloudbase-Init",
        "the installer of the guest agent",
    ]
