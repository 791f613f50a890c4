import json
import os
import time

import pytest

from goldsmith.errors import CatalogError, HostError, RecipeError
from goldsmith.events import PhaseStarted, Progress, Warned
from goldsmith.host import files
from goldsmith.media.library import Library
from goldsmith.recipe.model import Recipe
from goldsmith.stages.fetch import Fetch
from goldsmith.stages.medium import Source, find_source

OS = "rhel7.9"


def recipe(**media) -> Recipe:
    return Recipe(name="r", family="demo", os=OS, media=media)


CURL = """
for word; do case "$before" in --output) to=$word;; --dump-header) head=$word;; esac; before=$word; done
case "$before" in *{name}) ;; *)
    printf 'HTTP/1.1 404 Not Found\\r\\n\\r\\n' > "$head"; printf 404
    echo 'curl: (22) The requested URL returned error: 404' >&2; exit 22;;
esac
printf 'HTTP/1.1 200 OK\\r\\n\\r\\n' > "$head"; printf 200
cat > "$to" <<'END'
{text}END
"""
TREEINFO = "[general]\nfamily = Red Hat Enterprise Linux\nversion = {0}\narch = {1}\n"


def fetch(source: Source, os: str = OS) -> Fetch:
    return Fetch(source=source, os=os, arch="x86_64")


@pytest.fixture
def iso(tmp_path, iso_bytes):
    path = tmp_path / "rhel.iso"
    path.write_bytes(iso_bytes())
    return path


@pytest.fixture
def run(context, work):
    """Find a recipe's medium and fetch it; return what medium.json says."""

    def go(os: str = OS, **media):
        stage = fetch(find_source(recipe(**media), context.state, media_help="buy one"), os)
        done = work(stage)
        stage.run(done, context)
        return json.loads((done.folder / "medium.json").read_text())

    return go


def test_a_file_is_kept_by_its_digest_and_left_alone(run, iso, context, libosinfo, notes, iso_bytes):
    libosinfo(OS)
    noted = run(iso=str(iso))
    digest = files.sha256_of(iso)
    assert noted == {
        "location": str(context.state / "store/media" / digest / "rhel.iso"),
        "sha256": digest,
        "size": iso.stat().st_size,
    }
    assert iso.read_bytes() == iso_bytes()
    assert notes.of(Progress)[-1].done == notes.of(Progress)[-1].total == iso.stat().st_size
    assert not notes.of(Warned)


def test_what_the_library_has_is_not_copied_again(run, iso, context, libosinfo, notes, tmp_path):
    libosinfo(OS)
    kept = Library(context.state / "store/media").add(iso)
    other = iso.rename(tmp_path / "another name.iso")
    assert run(iso=str(other))["location"] == str(kept.path)
    assert not notes.of(PhaseStarted)


def test_a_recipe_can_name_what_the_library_has_by_name_or_digest(run, iso, context, libosinfo):
    libosinfo(OS)
    kept = Library(context.state / "store/media").add(iso)
    for said in ("rhel.iso", kept.sha256[:12]):
        found = find_source(recipe(iso=said), context.state, media_help="")
        assert (found.location, found.sha256) == (str(kept.path), kept.sha256)
    assert run(iso="rhel.iso")["location"] == str(kept.path)


def test_a_medium_for_another_guest_is_refused_at_its_place_in_the_recipe(run, iso, libosinfo):
    libosinfo("rhel7.8")
    with pytest.raises(
        RecipeError, match=r"os is rhel7\.9 \(x86_64\), but rhel\.iso installs rhel7\.8 \(x86_64\)"
    ) as error:
        run(iso=str(iso))
    assert error.value.fix == "say os: rhel7.8, or give the x86_64 medium of rhel7.9"
    assert error.value.exit_code == 2


def test_a_medium_for_another_architecture_is_refused(run, iso, libosinfo):
    libosinfo(OS, arch="i686")
    with pytest.raises(RecipeError, match=r"rhel\.iso installs rhel7\.9 \(i686\)"):
        run(iso=str(iso))


@pytest.mark.parametrize(
    ("found", "known", "said"),
    [
        ("", "rhel7.9", "libosinfo here does not know it"),
        ("rhel7-unknown", "rhel7.9", "libosinfo here takes it for rhel7-unknown"),
        ("rhel7.8", "rhel7.8", "libosinfo here takes it for rhel7.8"),  # which knows no rhel7.9
    ],
)
def test_a_medium_that_libosinfo_cannot_judge_is_taken_with_a_warning(
    run, iso, libosinfo, notes, found, known, said
):
    libosinfo(found, known=known)
    assert run(iso=str(iso))["sha256"]
    assert [one.text for one in notes.of(Warned)] == [f"rhel.iso is taken to be rhel7.9: {said}"]


def test_another_os_asks_again_whether_a_kept_medium_is_for_it(run, iso, context, libosinfo):
    libosinfo(OS)
    run(iso=str(iso))
    source = find_source(recipe(iso=str(iso)), context.state, media_help="")
    assert fetch(source).inputs() != fetch(source, os="rhel7.8").inputs()
    assert fetch(source).inputs() == {"sha256": files.sha256_of(iso), "os": OS}


def test_what_is_no_iso_is_refused(run, tmp_path, libosinfo):
    page = tmp_path / "rhel.iso"
    page.write_text("<html>please log in</html>")
    with pytest.raises(RecipeError, match=r"rhel\.iso is no ISO image") as error:
        run(iso=str(page))
    assert "media.image" in error.value.fix


def test_a_truncated_iso_is_refused_before_it_is_read(tmp_path, context, iso_bytes):
    path = tmp_path / "rhel.iso"
    path.write_bytes(iso_bytes(declared=2**20))
    read = []
    with pytest.raises(RecipeError, match=r"truncated: it has 40 KiB, but its header says 1 MiB") as error:
        find_source(recipe(iso=str(path)), context.state, media_help="", on_hashing=read.append)
    assert error.value.fix == "get it again: the download did not end"
    assert not read


def test_a_wrong_digest_is_refused_when_planning(iso, context):
    with pytest.raises(RecipeError, match=r"has the sha256 [0-9a-f]{64}, but the recipe says 0{64}") as error:
        find_source(recipe(iso=str(iso), sha256="0" * 64), context.state, media_help="")
    assert error.value.fix.endswith("or correct the sha256 in the recipe")


def test_a_right_digest_may_be_written_in_capitals(iso, context):
    wanted = files.sha256_of(iso).upper()
    assert find_source(recipe(iso=str(iso), sha256=wanted), context.state, media_help="").sha256


def test_a_medium_that_is_not_there_says_where_one_is_obtained(tmp_path, context):
    for said in (str(tmp_path / "none.iso"), "none.iso", "x" * 5000):
        with pytest.raises(RecipeError, match="there is no medium") as error:
            find_source(recipe(iso=said), context.state, media_help="buy one")
        assert error.value.fix == "buy one"


def test_a_folder_is_no_medium(tmp_path, context):
    with pytest.raises(RecipeError, match="is not a file"):
        find_source(recipe(iso=str(tmp_path)), context.state, media_help="")


def test_an_unchanged_file_is_read_once_for_many_plans(iso, context):
    old = iso.stat().st_mtime - 60
    os.utime(iso, (old, old))
    read = []
    time.sleep(0.1)  # younger files may change without a new time stamp
    for _ in range(3):
        find_source(recipe(iso=str(iso)), context.state, media_help="", on_hashing=read.append)
    assert sum(read) == iso.stat().st_size


def test_a_file_that_changes_after_the_plan_is_not_taken_for_what_was_planned(
    iso, context, work, libosinfo, iso_bytes
):
    libosinfo(OS)
    stage = fetch(find_source(recipe(iso=str(iso)), context.state, media_help=""))
    iso.write_bytes(iso_bytes(content=b"another"))
    with pytest.raises(HostError, match=r"rhel\.iso was changed while it was read"):
        stage.run(work(stage), context)


def test_a_file_that_goes_after_the_plan_is_named(iso, context, work):
    stage = fetch(find_source(recipe(iso=str(iso)), context.state, media_help=""))
    iso.unlink()
    with pytest.raises(HostError, match=r"the medium .*rhel\.iso is gone"):
        stage.run(work(stage), context)


def test_an_image_is_kept_without_asking_libosinfo(run, tmp_path, libosinfo):
    image = tmp_path / "base.qcow2"
    image.write_bytes(b"QFI\xfb" * 200)
    assert run(image=str(image))["location"].endswith("/base.qcow2")


def test_a_tree_by_url_is_left_where_it_is(run, fake_tool, notes):
    curl = fake_tool("curl", CURL.format(name=".treeinfo", text=TREEINFO.format("7.9", "x86_64")))
    noted = run(tree="http://mirror.invalid/os/")
    assert noted == {"location": "http://mirror.invalid/os/", "sha256": "", "size": None}
    assert curl.calls[0][-1] == "http://mirror.invalid/os/.treeinfo"
    assert not notes.of(Warned)


def test_a_tree_whose_server_hides_files_with_a_dot_is_found(run, fake_tool):
    curl = fake_tool("curl", CURL.format(name="/treeinfo", text=TREEINFO.format("7.9", "x86_64")))
    assert run(tree="http://mirror.invalid/os")["location"] == "http://mirror.invalid/os"
    assert [one[-1] for one in curl.calls] == [
        "http://mirror.invalid/os/.treeinfo",
        "http://mirror.invalid/os/treeinfo",
    ]


def test_a_url_without_treeinfo_is_no_tree(run, fake_tool):
    fake_tool("curl", CURL.format(name="nothing", text=""))
    with pytest.raises(
        RecipeError, match=r"http://mirror\.invalid/os/ is no installation tree: it has no"
    ) as error:
        run(tree="http://mirror.invalid/os/")
    assert error.value.exit_code == 2
    assert "os/ folder" in error.value.fix


def test_a_server_that_refuses_is_not_taken_for_one_without_a_tree(run, fake_tool):
    fake_tool("curl", "echo 'curl: (22) The requested URL returned error: 403' >&2; printf 403; exit 22")
    with pytest.raises(CatalogError, match="cannot download http://mirror") as error:
        run(tree="http://mirror.invalid/os/")
    assert error.value.exit_code == 6


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        (
            TREEINFO.format("7.8", "x86_64"),
            r"installs Red Hat Enterprise Linux 7\.8 \(x86_64\)",
            "say os: rhel7.8, or give",
        ),
        (
            TREEINFO.format("7.9", "i386"),
            r"installs Red Hat Enterprise Linux 7\.9 \(i386\)",
            "give the x86_64 medium",
        ),
        (
            "[general]\nfamily=CentOS\nversion=7\narch=x86_64\n",
            r"installs CentOS 7 \(x86_64\)",
            "say os: centos7, or give",
        ),
        (
            "[release]\nname = AlmaLinux\nversion = 9.4\n[tree]\narch = x86_64\n",
            r"installs AlmaLinux 9\.4",
            "almalinux9.4",
        ),
        ("<html>please log in</html>", "is no installation tree: its .treeinfo is none", "os/ folder"),
    ],
)
def test_a_tree_of_another_system_is_refused(run, tmp_path, text, problem, fix):
    (tmp_path / ".treeinfo").write_text(text)
    with pytest.raises(RecipeError, match=problem) as error:
        run(tree=str(tmp_path))
    assert fix in error.value.fix


@pytest.mark.parametrize(
    ("os", "family", "version"),
    [
        ("centos7.0", "CentOS", "7"),  # libosinfo has one name for all of them
        ("centos6.10", "CentOS", "6.10"),
        ("almalinux9", "AlmaLinux", "9.4"),
        ("rocky9", "Rocky Linux", "9.4"),
        ("centos-stream9", "CentOS Stream", "9"),
        ("rhel10.0", "Red Hat Enterprise Linux", "10.0"),
    ],
)
def test_a_rebuild_is_taken_where_the_recipe_says_so(run, tmp_path, notes, os, family, version):
    (tmp_path / ".treeinfo").write_text(f"[general]\nfamily = {family}\nversion = {version}\narch = x86_64\n")
    run(tree=str(tmp_path), os=os)
    assert not [one for one in notes.of(Warned) if "taken to be" in one.text]


def test_another_os_asks_again_whether_a_tree_is_for_it(tmp_path, context):
    (tmp_path / ".treeinfo").write_text(TREEINFO.format("7.9", "x86_64"))
    source = find_source(recipe(tree=str(tmp_path)), context.state, media_help="")
    assert fetch(source).inputs() != fetch(source, os="rhel7.8").inputs()


def test_a_tree_on_this_host_is_named_by_its_treeinfo(run, tmp_path, context, notes):
    (tmp_path / "tree").mkdir()
    info = tmp_path / "tree" / ".treeinfo"
    info.write_text(TREEINFO.format("7.9", "x86_64"))
    assert run(tree=str(tmp_path / "tree"))["location"] == str(tmp_path / "tree")
    assert "url --url=" in notes.of(Warned)[0].fix
    known = [
        find_source(recipe(tree=str(tmp_path / "tree")), context.state, media_help="").known
        for text in ("7.9", "7.8")
        if info.write_text(text)
    ]
    assert known[0] != known[1]


@pytest.mark.parametrize(
    ("media", "problem"),
    [
        ({"tree": "/usr"}, "/usr is no installation tree: it has no .treeinfo"),
        ({"tree": "/none"}, "there is no installation tree /none"),
        ({"tree": "http://h/os", "sha256": "0" * 64}, "a tree is none"),
        ({"tree": "gopher://h/os"}, "media cannot be got by gopher://"),
        ({"iso": "file:///etc/passwd"}, "media cannot be got by file://"),
        ({"iso": "http://h/os/"}, "http://h/os/ is a folder, not a file"),
        ({"iso": "http://[::1/x.iso"}, r"http://\[::1/x.iso is no URL: Invalid IPv6 URL"),
        ({"tree": "http://[::1/os"}, r"http://\[::1/os is no URL: Invalid IPv6 URL"),
        ({"iso": "~nobody-here/x.iso"}, "there is no medium ~nobody-here/x.iso"),
    ],
)
def test_media_that_cannot_be_got_are_refused_when_planning(media, problem, context):
    with pytest.raises(RecipeError, match=problem):
        find_source(recipe(**media), context.state, media_help="buy one")


def test_a_file_with_a_known_digest_has_the_same_key_wherever_it_comes_from(iso, context):
    digest = files.sha256_of(iso)
    sources = [
        find_source(recipe(iso=said, sha256=digest), context.state, media_help="").known
        for said in (str(iso), "http://a.invalid/x.iso", "https://b.invalid/y.iso")
    ]
    assert sources == [{"sha256": digest}] * 3
