from pathlib import Path

import pytest

from goldsmith.guests import FAMILIES
from goldsmith.guests.kickstart import (
    MARKER,
    MARKER_FILE,
    check_kickstart,
    kickstart_values,
    report_kickstart,
)
from goldsmith.guests.render import render
from goldsmith.host.process import LocalHost
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.secrets import References

SHIPPED = Path(__file__).parents[2] / "kickstarts"


RHEL = sorted(name for name in FAMILIES if name.startswith("rhel"))


def recipe(**changes):
    said = {"name": "r", "family": "rhel7", "os": "rhel7.9", "media": {"iso": "x"}}
    return Recipe.model_validate({**said, **changes})


def template(family):
    return FAMILIES[family].defaults["install"]["kickstart"]


def rendered(name, **changes):
    return render(
        name, kickstart_values(recipe(**changes)), folders=[SHIPPED], target="kickstart", secrets=References()
    )


def from_text(tmp_path, text):
    (tmp_path / "a.ks.j2").write_text(text)
    return render("a.ks.j2", {}, folders=[tmp_path], target="kickstart", secrets=References())


@pytest.mark.parametrize("family", sorted(name for name in FAMILIES if FAMILIES[name].kickstart_version))
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_a_shipped_kickstart_is_one_for_its_version(family, firmware):
    full = {
        "packages": ["vim", "@base", "-postfix"],
        "repos": [{"name": "extras", "baseurl": "https://repo.example/extras"}] if family != "demo" else [],
    }
    made = rendered(template(family), install=full, machine={"firmware": firmware}, family=family)
    version = FAMILIES[family].kickstart_version
    report = report_kickstart(made, version=version, host=LocalHost())
    assert (report.errors, report.warnings) == ((), ())
    assert "\nvim\n" in made.text


@pytest.mark.parametrize("family", ["demo", *RHEL])
def test_the_last_script_writes_the_marker_that_proves_success(family):
    text = rendered(template(family), family=family).text
    last = text[text.rindex("%post") :]
    assert last.startswith("%post --nochroot --erroronfail\n")
    assert f"echo {MARKER} > /dev/ttyS0\n%end\n" in last
    assert MARKER_FILE in last
    assert "\npoweroff\n" in text
    assert (FAMILIES[family].console.marker, FAMILIES[family].marker_file) == (MARKER, MARKER_FILE)


def test_an_unknown_command_is_shown_at_its_line_of_the_template(tmp_path):
    (tmp_path / "part.j2").write_text("cmdline\nfoo --bar\n")
    made = from_text(tmp_path, "{% for n in [1, 2] %}\n# {{ n }}\n{% endfor %}\n\n{% include 'part.j2' %}\n")
    (problem,) = check_kickstart(made, version="RHEL7", host=LocalHost())
    assert str(problem).rpartition("/")[2] == (
        "part.j2:2: the kickstart is not accepted: Unknown command: foo\n  fix: mend the line, which became: foo --bar"
    )


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("cmdline\npart / --nonsense\n", 2, "Unexpected arguments to partition command"),
        ("cmdline\n%packages\n@core\n", 3, r"Section %packages does not end with %end"),
        ("cmdline\n%foo\n%end\n", 2, "Unknown kickstart section: %foo"),
        ('cmdline\nbootloader --append="a\n', 2, "No closing quotation"),
    ],
)
def test_every_kind_of_mistake_has_its_line(tmp_path, text, line, problem):
    found = check_kickstart(from_text(tmp_path, text), version="RHEL7", host=LocalHost())
    assert any(problem in str(one) for one in found)
    assert found[0].at.line == line


def test_all_mistakes_are_told_at_once(tmp_path):
    found = check_kickstart(from_text(tmp_path, "foo\ncmdline\nbar\n"), version="RHEL7", host=LocalHost())
    assert [one.at.line for one in found] == [1, 3]


def test_a_deprecated_option_warns_and_does_not_stop_a_build(tmp_path):
    report = report_kickstart(
        from_text(tmp_path, "cmdline\n%packages --nobase\n%end\n"), version="RHEL7", host=LocalHost()
    )
    assert report.errors == ()
    assert "The --nobase option has been deprecated" in str(report.warnings[0])
    assert report.warnings[0].at.line == 2


def test_what_is_good_for_one_version_may_be_wrong_for_another():
    made = rendered("rhel7.ks.j2")
    assert check_kickstart(made, version="RHEL7", host=LocalHost()) == []
    assert check_kickstart(made, version="RHEL6", host=LocalHost())


def test_an_unknown_version_is_told(tmp_path):
    (problem,) = check_kickstart(from_text(tmp_path, "cmdline\n"), version="RHEL77", host=LocalHost())
    assert "RHEL77 is not supported" in str(problem)
