"""The pages of a report as a real browser sees them, from files and without a network."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from goldsmith.recipe.places import data_folders
from goldsmith.report.pages import write_report

from .test_pages import bad, boot_tested, cached, good, looked_into

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium: .ci/packages.sh test installs it"),
]


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


@pytest.fixture
def site(tmp_path) -> Path:
    builds = tmp_path / "builds"
    builds.mkdir()
    for number in range(5):
        good(builds, f"web-{number}", size=(600 + 20 * number) << 20)
        looked_into(builds, f"web-{number}", bash=f"5.{number}", sudo="1.9")
    cached(builds, "web-5")
    screen = bad(builds, "web-6") / "failure" / "screen.png"
    shutil.copyfile(Path(__file__).parent / "screen.png", screen)
    boot_tested(builds / "web-4", picture=screen.read_bytes())
    write_report(
        builds,
        tmp_path / "site",
        recipes={"web": "A web server", "rhel7": "RHEL 7"},
        templates=data_folders("templates", None),
    )
    return tmp_path / "site"


def look(page: Path, picture: Path, *options: str) -> str:
    """Take a screenshot of a page; return what the browser logged."""
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"),
            *(
                "--hide-scrollbars",
                f"--user-data-dir={picture.parent / 'profile'}",
                f"--screenshot={picture}",
            ),
            *(options or ("--window-size=1200,1400",)),
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return done.stderr


def size_of(picture: Path) -> tuple[int, int]:
    head = picture.read_bytes()[16:24]
    return int.from_bytes(head[:4]), int.from_bytes(head[4:])


@pytest.mark.parametrize("name", ["index.html", "builds/web-6.html", "builds/web-4.html"])
def test_a_browser_shows_each_page_and_has_nothing_to_complain_of(site, tmp_path, name):
    for window in ("1200,1400", "390,844"):
        said = look(site / name, tmp_path / "page.png", f"--window-size={window}")
        assert not re.findall(r":CONSOLE.*", said)
        assert size_of(tmp_path / "page.png") == tuple(map(int, window.split(",")))


def test_the_browser_would_complain_of_a_page_that_asks_the_network(site, tmp_path):
    page = site / "spoiled.html"
    text = (site / "index.html").read_text()
    page.write_text(text.replace("</main>", '<img src="http://127.0.0.1:9/x.png"></main>'))
    assert "Content Security Policy" in look(page, tmp_path / "page.png")


def test_every_link_of_every_page_leads_somewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 8
    links = 0
    for page in pages:
        for link in Links(page.read_text()).found:
            if not link.startswith("data:"):
                assert (page.parent / link).resolve().is_file(), f"{page.name}: {link}"
                links += 1
    assert links > 20
