import pytest

from goldsmith.errors import RecipeError
from goldsmith.guests.render import render
from goldsmith.recipe.secrets import Secret

INJECTION = "x\n%pre\nrm -rf /\n%end"


class Known:
    """Secrets whose value is known to the test."""

    def __init__(self, value="s3cr3t"):
        self.value = value

    def reveal(self, secret):
        return self.value

    def digest(self, secret):
        return "0123456789abcdef"


@pytest.fixture
def make(tmp_path):
    """Render templates given as texts; the first is the one that is asked for."""

    def run(text, values=None, target="kickstart", secrets=None, **others):
        for name, content in {"main": text, **others}.items():
            (tmp_path / f"{name}.j2").write_text(content)
        return render("main.j2", values or {}, folders=[tmp_path], target=target, secrets=secrets or Known())

    return run


def places(rendered):
    return [f"{mark.path.rpartition('/')[2]}:{mark.line}" for mark in rendered.source_map]


def test_each_line_knows_the_line_of_the_template_it_came_from(make):
    rendered = make(
        "one\n{% if yes %}\ntwo\n{% endif %}\n{% for p in items %}\n{{ p }} a\n\nb\n{% endfor %}\n"
        "{% include 'part.j2' %}\nlast\n",
        {"yes": True, "items": ["p", "q"]},
        "text",
        part="{# a remark\n of two lines #}\nx\n{{ items | join(',') }}\n",
    )
    assert rendered.text == "one\ntwo\np a\n\nb\nq a\n\nb\nx\np,q\nlast\n"
    assert places(rendered) == [
        *(
            "main.j2:1",
            "main.j2:3",
            "main.j2:6",
            "main.j2:7",
            "main.j2:8",
            "main.j2:6",
            "main.j2:7",
            "main.j2:8",
        ),
        *("part.j2:3", "part.j2:4", "main.j2:11"),
    ]
    assert str(rendered.at(2)).endswith("main.j2:3")
    assert str(rendered.at(99)).endswith("main.j2:11"), "what lies behind the end is shown at the end"


def test_lines_are_told_apart_after_stripped_white_space_and_raw_blocks(make):
    rendered = make("a\n{%- if true %}\n\nb\n{%- endif %}\n{% raw %}\n{{ c }}\n{% endraw %}\nd", {}, "text")
    by_line = dict(zip(rendered.text.split("\n"), places(rendered), strict=False))
    assert by_line["{{ c }}"] == "main.j2:7"
    assert by_line["d"] == "main.j2:9"
    assert by_line["b"] == "main.j2:4"


def test_a_line_of_a_kickstart_knows_the_script_it_is_in(make):
    rendered = make("text\n%pre --log=/tmp/a\nb\n%end\nskipx\n%packages\n@core\n%end\n%post\nd\n%end\n")
    heads = [rendered.script(line) for line in range(1, 12)]
    assert heads == ["", *["%pre --log=/tmp/a"] * 2, *[""] * 5, *["%post"] * 2, ""]
    assert rendered.script(0) == ""


def test_a_value_over_several_lines_stays_at_its_line(make):
    rendered = make("%post\ncat <<X\n{{ text | sh }}\nX\n%end\n", {"text": "a b\nc\nd"})
    assert places(rendered) == [
        "main.j2:1",
        "main.j2:2",
        "main.j2:3",
        "main.j2:3",
        "main.j2:3",
        "main.j2:4",
        "main.j2:5",
    ]


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("network --hostname={{ v }}\n", INJECTION),
        ("network --hostname={{ v }}\n", "x\r%pre"),
        ("network --hostname={{ v }}\n", "x\u2028%pre"),
        ('bootloader --append="{{ v }}"\n', 'a" --location=none "'),
        ("keyboard --xlayouts='{{ v }}'\n", "us' --x='"),
        ("keyboard --xlayouts='{{ v }}'\n", "us\\"),
        ("{{ v }}\n", "reboot"),
        ("{{ v }} --x\n", "%include"),
        ("%packages\n{{ v }}\n%end\n", "%end"),
        ("%packages\n{{ v }}\n%end\n", "a\n%post"),
        ("%packages\n{{ v }}\n%end\n", "a b"),
        ("%packages\na{{ v }}\n%end\n", " #"),
        ("%post\necho {{ v }}\n%end\n", "$(reboot)"),
        ("%post\necho {{ v }}\n%end\n", "a; reboot"),
        ("%post\necho {{ v }}\n%end\n", "a\nreboot"),
        ("%post\necho {{ v | sh }}\n%end\n", "a\n%end\n%pre"),
        ("%post\necho {{ v | sh }}\n%end\n", "a\n  %end"),
        ("# {{ v }}\n", "a\nreboot"),
        ("%{{ v }}\n%end\n", "post"),
        ("network --x={{ v }}\n", "\ue000V"),
    ],
)
def test_no_value_adds_to_a_kickstart(make, template, value):
    with pytest.raises(RecipeError, match="value") as caught:
        make(template, {"v": value})
    assert "main.j2:" in str(caught.value)
    assert "  fix: " in str(caught.value)


@pytest.mark.parametrize(
    ("template", "value", "line"),
    [
        ("x --a={{ v }}\n", "a b", "x --a='a b'"),
        ("x --a={{ v }}\n", 'a"b', "x --a='a\"b'"),
        ("x --a={{ v }}\n", "#a", "x --a='#a'"),
        ('x --a="{{ v }}"\n', "a b # 'c'", "x --a=\"a b # 'c'\""),
        ("x --a={{ v }}\n", 8192, "x --a=8192"),
        ("%packages\n{{ v }}\n%end\n", "@Development Tools", "@Development Tools"),
        ("%packages\n{{ v }}\n%end\n", "-iwl*-firmware", "-iwl*-firmware"),
        ("%post\necho {{ v | sh }}\n%end\n", "it's $(x)", "echo 'it'\"'\"'s $(x)'"),
        ("%post\nyum install {{ v | sh }}\n%end\n", ["a", "b c"], "yum install a 'b c'"),
    ],
)
def test_values_are_quoted_for_where_they_land(make, template, value, line):
    assert line in make(template, {"v": value}).text.splitlines()


@pytest.mark.parametrize("value", [None, True, ["a"], {"a": 1}])
def test_what_is_no_text_is_not_written_by_accident(make, value):
    with pytest.raises(RecipeError, match="the value that stands here is"):
        make("x --a={{ v }}\n", {"v": value})


def test_a_value_is_text_in_xml_and_adds_no_node(make):
    text = '<a b="{{ v }}">{{ v }}</a>'
    assert make(text, {"v": "<x y='1'>&\"</x>"}, "xml").text == (
        '<a b="&lt;x y=&#39;1&#39;&gt;&amp;&quot;&lt;/x&gt;">&lt;x y=&#39;1&#39;&gt;&amp;&quot;&lt;/x&gt;</a>'
    )
    with pytest.raises(RecipeError, match="XML cannot hold"):
        make(text, {"v": "\x01"}, "xml")
    with pytest.raises(RecipeError, match=r"main\.j2:2: the file is no XML"):
        make("<a>\n<b>{{ v }}</c></a>", {"v": "x"}, "xml")


@pytest.mark.parametrize(
    "text", ["<a>{{ v | safe }}</a>", "<a>{% autoescape false %}{{ v }}{% endautoescape %}</a>"]
)
def test_escaping_cannot_be_turned_off(make, text):
    with pytest.raises(RecipeError, match=r"main\.j2:1"):
        make(text, {"v": "<x/>"}, "xml")


@pytest.mark.parametrize(
    "text",
    [
        "a {{ cycler.__init__.__globals__ }}",
        "a {{ v.__class__.__mro__ }}",
        "a {{ v.format.__globals__ }}",
        "a {{ ''.join.__self__.__class__ }}",
        "a {{ range(10**9) | list }}",
        "{% set x = v.append('b') %}",
        "a {{ lipsum() }}",
        "a {{ 'a' * 9999999999 }}",
        "a {{ 9 ** 9 ** 9 }}",
        "a {{ '%999999999d' % 1 }}",
    ],
)
def test_a_template_cannot_run_python(make, text):
    with pytest.raises(RecipeError):
        make(text, {"v": ["a"]}, "text")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a\nb {{ nowhere }}\n", "main.j2:2: 'nowhere' is undefined"),
        ("a\n{% for %}\n", "main.j2:2: "),
        ("a\n{% include 'nowhere.j2' %}\n", "main.j2:2: there is no template nowhere.j2"),
        ("a\n{% include 'part.j2' %}\n", "part.j2:2: 'inner' is undefined"),
        ("a\nb {{ 1 + 'a' }}\n", "main.j2:2: the template fails"),
        ("a\n{% include 'main.j2' %}\n", "main.j2"),
        ("a\n{% set x %}b{% endset %}\n", "main.j2:2: {% set %} is not used here"),
        ("a\n{% macro x() %}b{% endmacro %}\n", "main.j2:2: {% macro %} is not used here"),
    ],
)
def test_an_error_in_a_template_names_its_line(make, text, problem):
    with pytest.raises(RecipeError) as caught:
        make(text, {}, part="\n{{ inner }}\n")
    assert problem in str(caught.value)


def test_an_unknown_template_is_named_with_the_nearest(make, tmp_path):
    (tmp_path / "rhel7.ks.j2").write_text("")
    with pytest.raises(
        RecipeError, match=r"there is no template rhel.ks.j2\n  fix: did you mean rhel7.ks.j2\?"
    ):
        render("rhel.ks.j2", {}, folders=[tmp_path], target="text", secrets=Known())


def test_the_first_folder_wins(tmp_path):
    for name in ("own", "shipped"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.j2").write_text(name)
    folders = [tmp_path / "own", tmp_path / "shipped"]
    assert render("a.j2", {}, folders=folders, target="text", secrets=Known()).text == "own"


def test_a_secret_is_a_placeholder_until_it_is_revealed(make):
    rendered = make(
        "x --key={{ k }}\n%post\nregister {{ k | sh }} again\n%end\n",
        {"k": Secret("env:K")},
        secrets=Known("it's s3cr3t"),
    )
    assert rendered.text == (
        "x --key=@@GOLDSMITH-SECRET-0123456789abcdef@@\n"
        "%post\nregister @@GOLDSMITH-SECRET-0123456789abcdef@@ again\n%end\n"
    )
    assert rendered.reveal() == (
        "x --key='it'\"'\"'s s3cr3t'\n%post\nregister 'it'\"'\"'s s3cr3t' again\n%end\n"
    )
    assert "s3cr3t" not in repr(rendered)


def test_a_secret_is_escaped_in_xml(make):
    rendered = make("<a>{{ k }}</a>", {"k": Secret("env:K")}, "xml", Known("<&>"))
    assert rendered.reveal() == "<a>&lt;&amp;&gt;</a>"


@pytest.mark.parametrize("value", ["a\n%end", "a\nb"])
def test_a_secret_adds_nothing_to_a_kickstart_either(make, value):
    with pytest.raises(RecipeError, match="value") as caught:
        make("x --key={{ k }}\n", {"k": Secret("env:K")}, secrets=Known(value)).reveal()
    assert value not in str(caught.value)
    with pytest.raises(RecipeError, match="adds the section line %end"):
        make("%post\necho {{ k | sh }}\n%end\n", {"k": Secret("env:K")}, secrets=Known("a\n%end\nb")).reveal()


@pytest.mark.parametrize(
    "text",
    ["x {{ 'a' ~ k }}", "x {{ k | upper }}", "x {{ k | tojson }}", "x {{ [k] | join(',') }}", "x {{ [k] }}"],
)
def test_a_secret_cannot_be_looked_at(make, text):
    with pytest.raises(RecipeError):
        make(text, {"k": Secret("env:K")}, "text")


def test_a_secret_in_a_script_is_quoted_or_refused(make):
    for target, text in (("shell", "echo {{ k }}\n"), ("kickstart", "%post\necho {{ k }}\n%end\n")):
        with pytest.raises(RecipeError, match=r"\| sh"):
            make(text, {"k": Secret("env:K")}, target)
