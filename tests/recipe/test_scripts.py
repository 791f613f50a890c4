"""The text of scripts, in the encodings in which people save them."""

import pytest

from goldsmith.errors import RecipeError
from goldsmith.guests import FAMILIES
from goldsmith.guests.render import expand
from goldsmith.recipe.load import load_recipe
from goldsmith.recipe.scripts import script_text

TEXT = "Write-Output 'Gruß'\r\nexit 0\r\n"


@pytest.fixture
def script(tmp_path):
    def make(data, name="a.sh"):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / name).write_bytes(data)
        return tmp_path / "recipes" / name

    return make


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_script_of_windows_is_read_in_each_encoding_that_its_first_bytes_tell(script, encoding):
    assert script_text(script(TEXT.encode(encoding)), utf_16=True) == "Write-Output 'Gruß'\nexit 0\n"
    assert script_text(script(b"\xfe\xff" + TEXT.encode("utf-16-be")), utf_16=True).startswith("Write-")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (TEXT.encode("cp1252"), "byte 0xdf is no UTF-8 text in its line 1"),
        (b"\xef\xbb\xbf# one\n\n\xe9\n", "byte 0xe9 is no UTF-8 text in its line 3"),
        (TEXT.encode("utf-16-le"), "byte 0xdf is no UTF-8 text in its line 1"),
        ("echo\n".encode("utf-16-le"), "there is a NUL character in its line 1"),
        ("# one\n#".encode("utf-16") + b"\x00\xd8", "byte 0x00 is no UTF-16 text in its line 2"),
    ],
)
def test_what_is_no_text_is_told_with_the_line_of_the_script(script, data, told):
    with pytest.raises(RecipeError) as caught:
        script_text(script(data), utf_16=True)
    assert caught.value.problem == f"the script a.sh cannot be read: {told}"
    assert caught.value.fix == "save it as UTF-8, or as UTF-16 with a byte order mark"


def families():
    return {name: one.for_recipes() for name, one in FAMILIES.items()}


@pytest.mark.parametrize("way", ["run: a.sh", "run: {file: a.sh}"])
@pytest.mark.parametrize("family", ["demo", "windows"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_a_script_that_its_guest_could_not_be_given_is_told_where_the_recipe_names_it(
    script, family, encoding, way
):
    script("# Gruß\n".encode(encoding))
    recipe = script(f"name: r\nfamily: {family}\nmedia: {{iso: x}}\ncustomize:\n- {way}\n".encode(), "r.yaml")

    def load():
        return load_recipe(recipe, families=families(), values={}, search=[], expand=expand)

    if encoding == "utf-8" or (encoding == "utf-16" and family == "windows"):
        assert load().customize[0].run.file
        return
    with pytest.raises(RecipeError) as caught:
        load()
    place = "5:8" if way == "run: a.sh" else "5:15"
    assert caught.value.text().startswith(f"{recipe}:{place}: the script a.sh cannot be read: byte 0x")
    assert caught.value.fix.startswith("save it as UTF-8")
