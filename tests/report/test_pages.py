"""The pages of a report, made of the records of builds that were written as a build writes them."""

import json
import re
from pathlib import Path

import pytest

from goldsmith.artifact.inventory import EtcFile, Inventory, Package
from goldsmith.errors import UsageError
from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    StageCached,
    StageFailed,
    StageFinished,
    StageOutlook,
    StageStarted,
    Warned,
)
from goldsmith.recipe.places import data_folders
from goldsmith.record import BuildRecord
from goldsmith.report.pages import write_report
from goldsmith.report.plots import Point, nice, plot

IMAGE = {"id": "1f0c", "name": "web-20260101.1", "size": 600 << 20}


def begin(builds: Path, name: str, recipe: str = "web") -> BuildRecord:
    record = BuildRecord.create(builds, recipe=recipe, build_id=name, virt_type="kvm")
    stages = (StageOutlook("install", "a" * 64, cached=False, reason="not in the store"),)
    record.tell(BuildStarted(name, recipe, stages))
    return record


def good(builds: Path, name: str, size: int = 600 << 20) -> None:
    record = begin(builds, name)
    record.tell(StageStarted("install", "a" * 64, "kickstart changed: 1 -> 2"))
    record.tell(StageFinished("install", "a" * 64, 90.0, 1 << 30))
    record.tell(
        BuildFinished(name, "web", ok=True, seconds=95.0, own_seconds=1.0, image={**IMAGE, "size": size})
    )


def looked_into(builds: Path, name: str, **packages: str) -> None:
    """Add what the audit found to be in the image of a build, and its bills of materials."""
    held = Inventory(
        "Debian 12",
        "debian",
        "12",
        "x86_64",
        packages=tuple(Package("deb", *one, "amd64", licence="MIT") for one in packages.items()),
        etc={"/etc/<motd>": EtcFile("f", "0644", 0, 0, name * 9)},
    )
    (builds / name / "inventory.json").write_text(held.text())
    (builds / name / "sbom.cdx.json").write_text("{}")


def bad(builds: Path, name: str) -> Path:
    record = begin(builds, name)
    record.console.write_bytes(b"\x1b[31mbooting\x1b[0m\r\n<script>alert(1)</script>\n\x07panic \xff\n")
    checks = [
        {"id": "O-1", "title": "machine-id", "status": "ok", "detail": "empty", "fix": ""},
        {"id": "O-2", "title": "root", "status": "failed", "detail": "has a password", "fix": "lock it"},
    ]
    (record.folder / "audit.json").write_text(json.dumps({"checks": checks}))
    (record.folder / "failure").mkdir()
    (record.folder / "failure" / "screen.png").write_bytes(b"png")
    record.tell(StageStarted("install", "a" * 64, "not in the store"))
    record.tell(Warned("no KVM <here>", "goldsmith doctor"))
    record.tell(StageFailed("install", 12.0, "the kernel panicked"))
    error = "the kernel panicked & stopped\n  | <b>panic</b>"
    record.tell(BuildFinished(name, "web", ok=False, seconds=13.0, own_seconds=1.0, error=error, exit_code=4))
    return record.folder


def boot_tested(folder: Path, picture: bytes = b"png") -> None:
    """Give a build what a boot test leaves: the report, and the screens of both instances at login."""
    checks = [{"id": "B-L1", "title": "prompt", "status": "ok", "detail": "on ttyS0", "fix": ""}]
    (folder / "boot-test.json").write_text(json.dumps({"checks": checks}))
    (folder / "boot-test").mkdir()
    for number in (1, 2):
        (folder / "boot-test" / f"screen-{number}.png").write_bytes(picture)


def cached(builds: Path, name: str) -> None:
    record = BuildRecord.create(builds, recipe="web", build_id=name)
    record.tell(BuildStarted(name, "web", (StageOutlook("install", "a" * 64, cached=True, reason=""),)))
    record.tell(StageCached("install", "a" * 64))
    record.tell(BuildFinished(name, "web", ok=True, seconds=0.5, own_seconds=0.5, image=IMAGE))


def of_a_new_end(builds: Path, name: str) -> None:
    """Leave a build whose guest came from the store, and only its end was made anew."""
    record = BuildRecord.create(builds, recipe="web", build_id=name)
    stages = (
        StageOutlook("install", "a" * 64, cached=True, reason=""),
        StageOutlook("seal", "b" * 64, cached=False, reason="asked for"),
    )
    record.tell(BuildStarted(name, "web", stages))
    record.tell(StageCached("install", "a" * 64))
    record.tell(StageStarted("seal", "b" * 64, "asked for"))
    record.tell(StageFinished("seal", "b" * 64, 2.0, None))
    record.tell(BuildFinished(name, "web", ok=True, seconds=3.0, own_seconds=1.0, image=IMAGE))


@pytest.fixture
def builds(tmp_path):
    (tmp_path / "builds").mkdir()
    return tmp_path / "builds"


@pytest.fixture
def report(builds, tmp_path):
    """Write the report and return the text of one of its pages."""

    def write(page: str = "index.html", **recipes: str) -> str:
        write_report(builds, tmp_path / "site", recipes=recipes, templates=data_folders("templates", None))
        return (tmp_path / "site" / page).read_text(encoding="utf-8")

    return write


def test_no_build_yet_is_told_with_what_to_do(report):
    text = report(web="A web server")
    assert "goldsmith build RECIPE" in text
    assert "1 recipes were never built here" in text
    assert "A web server" in text


def test_the_matrix_has_a_cell_for_each_build_that_leads_to_its_page(builds, report, tmp_path):
    good(builds, "web-1")
    bad(builds, "web-2")
    cached(builds, "web-3")
    text = report()
    cells = re.findall(r'class="cell (\w+)" href="(builds/[^"]+)" title="[^"]*: ([^"]+)"', text)
    assert sorted(cells) == [
        ("cached", "builds/web-3.html", "nothing had changed"),
        ("done", "builds/web-1.html", "done, 1 min 35 s"),
        ("failed", "builds/web-2.html", "failed in install, 13 s"),
    ]
    for _, link, _ in cells:
        assert (tmp_path / "site" / link).is_file()
    assert "web-20260101.1" in text
    assert "600 MiB" in text


def test_the_time_of_a_full_build_is_that_of_one_that_installed_its_guest(builds, report):
    of_a_new_end(builds, "web-0")
    assert "took the last full one" not in report()
    good(builds, "web-1")
    of_a_new_end(builds, "web-2")
    text = report()
    assert re.search(r"<b>1 min 35 s</b><span>took the last full one, web", text)
    assert re.findall(r'<td class="num">([^<]*)</td>', text) == ["600 MiB", "1 min 35 s"]


def test_a_failed_build_shows_cause_stage_checks_screen_and_the_end_of_its_console(builds, report, tmp_path):
    bad(builds, "web-2")
    text = report("builds/web-2.html")
    assert "the kernel panicked &amp; stopped" in text
    assert "exit status</dt><dd>4" in text
    assert re.search(r'install <span class="pill failed">failed', text)
    assert text.index("O-2") < text.index("O-1")  # what failed comes first
    assert "fix: lock it" in text
    assert "panic" in text
    shown = re.search(r'<img src="([^"]+)" alt="screen.png"', text)
    assert shown
    assert (tmp_path / "site" / "builds" / shown[1]).read_bytes() == b"png"
    assert "failure/screen.png" in text


def test_a_build_shows_its_packages_its_bill_and_what_changed_since_the_one_before(builds, report, tmp_path):
    for name, packages in (("web-1", {"bash": "1", "sudo": "2"}), ("web-2", {"bash": "3", "vim": "9"})):
        good(builds, name)
        looked_into(builds, name, **packages)
    page = report("builds/web-2.html")
    assert 'Changed since <a href="web-1.html">web-1</a>' in page
    assert "packages: 1 added, 1 removed, 1 changed; files: 1 changed" in page
    assert "<td>changed</td><td><code>bash.amd64</code></td><td>1</td><td>3</td>" in page
    assert "<code>/etc/&lt;motd&gt;</code>" in page
    assert "<td>vim</td><td>9</td><td>amd64</td><td>MIT</td>" in page
    assert '<a href="web-2.sbom.cdx.json">' in page
    assert (tmp_path / "site" / "builds" / "web-2.sbom.cdx.json").read_text() == "{}"
    assert "Changed since" not in report("builds/web-1.html")


def test_what_a_guest_says_is_text_and_no_html(builds, report):
    bad(builds, "web-2")
    text = report("builds/web-2.html")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "&lt;b&gt;panic" in text
    assert "no KVM &lt;here&gt;" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_pages_ask_nothing_of_the_network(builds, report):
    good(builds, "web-1")
    for page in ("index.html", "builds/web-1.html"):
        text = report(page)
        assert "default-src 'none'" in text
        assert not re.search(r'(src|href)="(https?:)?//', text)


def test_a_reason_is_shown_unless_it_only_says_that_the_stage_follows_another(builds, report):
    good(builds, "web-1")
    assert "kickstart changed: 1 -&gt; 2" in report("builds/web-1.html")


def test_times_and_sizes_become_plots_once_there_are_two_builds(builds, report):
    good(builds, "web-1")
    assert '<svg class="plot"' not in report()
    good(builds, "web-2", size=700 << 20)
    text = report()
    assert text.count('<svg class="plot"') == 2
    assert "1000 MiB" in text
    assert 'href="builds/web-2.html"' in text


def test_a_report_takes_the_place_of_an_earlier_one_and_of_nothing_else(builds, report, tmp_path):
    good(builds, "web-1")
    report()
    (tmp_path / "site" / "stale.html").touch()
    report()
    assert not (tmp_path / "site" / "stale.html").exists()
    (tmp_path / "site" / ".goldsmith-report").unlink()
    with pytest.raises(UsageError, match="is no report of ours"):
        report()
    assert (tmp_path / "site" / "index.html").exists()


def test_a_damaged_record_costs_no_page(builds, report):
    good(builds, "web-1")
    folder = bad(builds, "web-2")
    (folder / "audit.json").write_text("{")
    (folder / "manifest.json").write_text("[1]")
    (folder / "events.jsonl").write_bytes(b"\x00\xff\n{}\n")
    (builds / "web-9").mkdir()
    (builds / "web-9" / "build.json").write_text("not json")
    assert "web-2" in report()


def test_a_plot_begins_at_nothing_and_ends_at_a_round_number():
    points = [Point(value, f"{value}", f"{value}.html", "01-01") for value in (60.0, 420.0, 700.0)]
    text = plot(points, title="time", unit=60.0, suffix=" min")
    assert ">0 min</text>" in text
    assert ">20 min</text>" in text
    assert plot(points[:1], title="time", unit=60.0, suffix=" min") == ""


@pytest.mark.parametrize(
    ("most", "rounded"), [(0, 1), (0.3, 0.5), (1, 1), (2.2, 2.5), (7, 10), (11.7, 20), (2600, 5000)]
)
def test_a_round_number_is_not_smaller(most, rounded):
    assert nice(most) == pytest.approx(rounded)


def test_the_screens_at_login_stand_with_the_checks_of_the_boot_test(builds, report):
    boot_tested(bad(builds, "web-1"))
    page = report("builds/web-1.html")
    checks, _, screens = page.partition("<h2>Screens</h2>")
    for number in (1, 2):
        assert f'alt="Boot test: screen-{number}.png"' in checks
    assert 'alt="screen.png"' in screens, "that of the failure stands for itself"
    assert "screen-1.png" not in screens


def test_the_screen_of_a_boot_test_without_a_report_is_shown_too(builds, report):
    folder = bad(builds, "web-1")
    boot_tested(folder)
    (folder / "boot-test.json").unlink()
    _, _, screens = report("builds/web-1.html").partition("<h2>Screens</h2>")
    assert 'alt="screen-1.png"' in screens
