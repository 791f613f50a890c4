"""``goldsmith build --resume``: the record of a failed build is all that is needed."""

import json


def a_failure(factory, *words):
    factory.recipe("r", 'customize:\n  - {name: one, run: "echo {{ colour }}", via: offline}\n')
    tool = factory.tools["virt-customize"].path
    text = tool.read_text()
    tool.write_text(text + '\ncase "$*" in *--run*) [ ! -e "$BIN/../broken" ] || exit 1 ;; esac\n')
    (tool.parent.parent / "broken").touch()
    shown = factory("build", "r", "--json", *words)
    (tool.parent.parent / "broken").unlink()
    return shown


def test_a_failed_build_is_gone_on_with_from_its_last_good_layer_by_its_record(factory):
    failed = a_failure(factory, "--set", "colour=blue", "--no-register", "--keep-failed", "--id", "b1")
    assert failed.code in (1, 4)
    record = json.loads((factory.state / "builds" / "b1" / "build.json").read_text())
    assert record["kept"] == {}  # virt-customize has no guest
    went_on = factory("build", "--resume", "b1", "--json", "--id", "b2")
    assert went_on.code == 0, went_on.err
    assert "fetch" not in went_on.stages("StageStarted")
    assert "register" not in went_on.stages("StageStarted")
    asked = json.loads((factory.state / "builds" / "b2" / "build.json").read_text())["asked"]
    assert (asked["resumes"], asked["values"], asked["register"]) == ("b1", {"colour": "blue"}, False)
    assert factory.left == []
    again = factory("build", "--resume", "b2")
    assert (again.code, "b2 did not fail" in again.err) == (2, True)


def test_resume_takes_everything_from_the_record(factory):
    for words in (("r",), ("--from", "install"), ("--no-cache",), ("--no-register",)):
        shown = factory("build", "--resume", "b1", *words)
        assert shown.code == 2
        assert "takes the recipe and what was asked for from the record" in shown.err
    shown = factory("build")
    assert (shown.code, "no recipe is given" in shown.err) == (2, True)
    shown = factory("build", "--resume", "b1")
    assert (shown.code, "no build was made" in shown.err) == (2, True)
