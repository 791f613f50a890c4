import gzip
import os

import pytest

from goldsmith.host.injected import SYSTEM, folders_of, remove_copies, remove_unused, signature


@pytest.fixture
def boot(tmp_path):
    folder = tmp_path / "boot"
    folder.mkdir()
    return folder


def initrd(folder, name, text):
    """Write an initrd that virt-install has appended an archive with this text to."""
    path = folder / f"virtinst-{name}-initrd.img"
    noise = b"\x1f\x8b\x08" + os.urandom(3000)  # the installer's own archive begins like ours
    path.write_bytes(noise + gzip.compress(b"070701 ks.cfg\0" + text.encode()))
    return path


def test_copies_of_dead_builds_go_and_all_others_stay(boot, tmp_path):
    state = tmp_path / "a state"
    mine = initrd(boot, "one", f"rootpw x\n{signature('dead', state)}")
    others = [
        initrd(boot, "alive", f"rootpw x\n{signature('alive', state)}"),
        initrd(boot, "elsewhere", f"rootpw x\n{signature('dead', tmp_path / 'other')}"),
        initrd(boot, "foreign", "rootpw x\n"),
        initrd(boot, "quoted", f"echo '{signature('dead', state)}'"),
    ]
    (boot / "virtinst-plain-vmlinuz").write_bytes(b"no archive")
    removed = remove_copies(state, lambda build: build == "dead", folders=(boot, tmp_path / "none"))
    assert removed == [mine]
    assert not mine.exists()
    assert all(one.exists() for one in others)


def test_a_state_folder_is_known_by_another_name_too(boot, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "state")
    copy = initrd(boot, "one", f"rootpw x\n{signature('dead', tmp_path / 'x' / '..' / 'link')}")
    assert remove_copies(tmp_path / "state", lambda build: True, folders=(boot,)) == [copy]


def test_a_folder_whose_files_were_about_to_be_injected_goes_as_a_whole(boot, tmp_path):
    folder = boot / "tmp1234"
    folder.mkdir()
    (folder / "ks.cfg").write_text(f"rootpw x\n{signature('dead', tmp_path)}")
    assert remove_copies(tmp_path, lambda build: True, folders=(boot,)) == [folder]
    assert not folder.exists()


def test_kernels_and_initrds_that_nobody_uses_go_when_they_are_old(boot):
    old, named, opened, young, other = (
        boot / name
        for name in (
            "virtinst-a-vmlinuz",
            "virtinst-b-initrd.img",
            "virtinst-c-vmlinuz",
            "virtinst-d-vmlinuz",
            "x",
        )
    )
    for path in (old, named, opened, young, other):
        path.write_bytes(b"kernel")
    long_ago = {"folders": (boot, boot / "none"), "older_than": -60.0}  # what was made in this minute is old
    assert remove_unused(lambda: "", folders=(boot,)) == []
    with opened.open("rb"):
        young.unlink()
        assert remove_unused(lambda: f"<initrd>{named}</initrd>", **long_ago) == [old]
    assert sorted(one.name for one in boot.iterdir()) == sorted([named.name, opened.name, other.name])
    asked = []
    assert remove_unused(lambda: asked.append(1) or "", folders=(boot / "none",)) == []
    assert asked == [], "no guest is asked about where there is nothing"


def test_only_the_libvirt_whose_guests_are_known_has_its_files_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert folders_of("qemu:///system") == (SYSTEM,)
    assert folders_of("qemu:///session") == (tmp_path / "virt-manager" / "boot",)
    assert folders_of("test:///default") == folders_of("qemu+ssh://elsewhere/system") == ()
