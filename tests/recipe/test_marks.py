import pytest

from goldsmith.errors import RecipeError
from goldsmith.recipe.marks import locate, read_nodes
from goldsmith.recipe.secrets import Secret


def read(tmp_path, data):
    path = tmp_path / "r.yaml"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    problems = []
    node = read_nodes(path, problems)
    return node, problems


def test_each_value_and_each_key_know_their_place(tmp_path):
    node, _ = read(tmp_path, "name: rhel7\ndisk:\n  size: 4 GiB\npackages: [a, b]\n")
    assert node.bare() == {"name": "rhel7", "disk": {"size": "4 GiB"}, "packages": ["a", "b"]}
    assert str(locate(node, ("disk", "size"))).endswith("r.yaml:3:9")
    assert str(locate(node, ("disk", "size"), key=True)).endswith("r.yaml:3:3")
    assert str(locate(node, ("packages", 1))).endswith("r.yaml:4:15")
    assert str(locate(node, ("disk", "bus"))).endswith("r.yaml:3:3"), (
        "what is missing is shown where it belongs"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("52:54:00:11:22:33", "52:54:00:11:22:33"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("7", 7),
        ("0x1f", 31),
        ("0o17", 15),
        ("7.10", 7.1),
        ('"7.10"', "7.10"),
        ("-.inf", float("-inf")),
        ("9" * 40, float("9" * 40)),
        ("!secret env:KEY", Secret("env:KEY")),
    ],
)
def test_plain_scalars_follow_the_core_schema(tmp_path, text, value):
    node, problems = read(tmp_path, f"a: {text}\n")
    found = node.bare()["a"]
    assert (found.reference if isinstance(found, Secret) else found) == (
        value.reference if isinstance(value, Secret) else value
    )
    assert not problems


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("name: [a\nb: c\n", "2:2", "mend the YAML|quote the text"),
        ("a: &x\n  b: *x\n", "2:3", "contains itself"),
        ("# only a remark\n", "1:1", "the file is empty"),
        (b"a: 1\nb: x\xff\n", "2:5", "not UTF-8"),
        (b"a: \x07\n", "1:4", "does not allow"),
        ("a:\n\tb: 1\n", "2:1", "indent with spaces"),
        ("a: 1\n---\nb: 1\n", "2:1", "more than one document"),
        ("a: b: c\n", "1:5", "quote the text that holds a colon"),
        ("a: @x\n", "1:4", "special character"),
        ("a: *x\n", "1:4", r"begins with \*"),
        ('a: "x\\0y"\n', "1:4", "a character that no text can hold .code 0"),
        ('a: "\\ud800"\n', "1:4", "a character that no text can hold .code 55296"),
        ('b: 1\n"a\\0": 1\n', "2:1", "a character that no text can hold .code 0"),
        ("[" * 400, "", "nested too deeply|mend the YAML"),
        (b"a: " + b"x" * 2**20, "1:1", "larger than 1 MiB"),
    ],
)
def test_what_is_no_yaml_is_pointed_at(tmp_path, text, place, problem):
    with pytest.raises(RecipeError, match=problem) as caught:
        read(tmp_path, text)
    assert f"r.yaml:{place}" in str(caught.value)


def test_an_alias_bomb_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(RecipeError, match="unfold to too many values"):
        read(tmp_path, "\n".join(lines))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: a\nname: b\n", "2:1: 'name' is given twice, first on line 1"),
        ("? [a, b]\n: c\n", "1:3: a key must be plain text"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "3:3: merge keys"),
        ("- !!python/object:os.system {}\n", "1:3: the tag !!python/object:os.system is not known"),
        ("a: !vault x\n", "1:4: the tag !vault is not known"),
        ("a: !!str 7\n", "the tag"),
        (
            "a: 0644\n",
            '1:4: 0644 begins with 0: some read it as octal, some as decimal\n  fix: quote it: "0644"',
        ),
        ("a: !secret KEY\n", "does not say where it is found"),
        ('a: !secret "file:/x\\0y"\n', "1:4: this secret holds a control character"),
        ('a: !secret "command:pri\\0ntf x"\n', "1:4: this secret holds a control character"),
        ('a: !secret "env:A\\nB"\n', "1:4: this secret holds a control character"),
    ],
)
def test_what_yaml_hides_is_brought_to_light(tmp_path, text, problem):
    _, problems = read(tmp_path, text)
    if text.startswith("a: !!str"):
        assert not problems, "!!str says nothing that a recipe could not say with quotes"
    else:
        assert [problem in str(one) for one in problems] == [True], problems
