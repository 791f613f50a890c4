"""Each file of bad/ begins with the message that it must cause."""

from pathlib import Path

import pytest

from goldsmith.errors import RecipeError

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_recipe_causes_the_message_of_its_first_line(path, monkeypatch, load_file):
    monkeypatch.chdir(path.parent)
    wanted = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    with pytest.raises(RecipeError) as caught:
        load_file(Path(path.name))
    first, _, rest = caught.value.text().partition("\n")
    assert first == f"{path.name}:{wanted}"
    assert rest.startswith("  fix: "), "each problem has its cure, and the file has one problem"
    assert "\n" not in rest
