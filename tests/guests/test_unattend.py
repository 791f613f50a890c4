import re
from dataclasses import replace
from pathlib import Path

import pytest

from goldsmith.guests.render import render
from goldsmith.guests.unattend import check_unattend
from goldsmith.guests.windows_answers import FILES, answer_values, render_answers
from goldsmith.guests.windows_versions import VERSIONS
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.secrets import References

TEMPLATES = Path(__file__).parents[2] / "templates"
WHOLE = (TEMPLATES / "autounattend.xml.j2").read_text()
AGAIN = (TEMPLATES / "windows" / "unattend.xml.j2").read_text()


def windows(os="win2k22", firmware="bios", **said):
    return Recipe.model_validate(
        {
            "name": "w",
            "family": "windows",
            "os": os,
            "media": {"iso": "x.iso"},
            "machine": {"firmware": firmware},
            "windows": said,
        }
    )


@pytest.fixture
def found(tmp_path):
    """Check the shipped answer file with one change in its template."""

    def ask(old, new, *, template=WHOLE, recipe=None, part=None):
        name = part or "autounattend.xml.j2"
        source = (TEMPLATES / part).read_text() if part else template
        assert source.count(old) >= 1, f"{old} is not in the template any more"
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source.replace(old, new, 1))
        main = "autounattend.xml.j2"
        rendered = render(
            main,
            answer_values(recipe or windows()),
            folders=[tmp_path, TEMPLATES],
            target="xml",
            secrets=References(),
        )
        line = source[: source.index(old)].count("\n") + 1
        return [one.text() for one in check_unattend(rendered)], line

    return ask


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
@pytest.mark.parametrize("os", VERSIONS)
@pytest.mark.parametrize(
    "said", [{}, {"rdp": False}, {"requirements": "bypass"}, {"product_key": "none"}], ids=str
)
def test_the_shipped_answer_files_are_in_the_table_for_every_version(os, firmware, said):
    files = render_answers(windows(os, firmware, **said), folders=[TEMPLATES], secrets=References())
    answer_files = [name for name in files if name.endswith(".xml")]
    assert answer_files == ["Autounattend.xml", "goldsmith/Unattend.xml"]
    for name in answer_files:
        assert check_unattend(files[name]) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<AcceptEula>true</AcceptEula>", "<AcceptLicence>true</AcceptLicence>", "has no setting AcceptLicence"),
        ("<TimeZone>{{ timezone }}</TimeZone>", "<TimeZone>Europe/Berlin</TimeZone>",
         "TimeZone (Europe/Berlin) must be a Windows time zone"),
        ("<ComputerName>*</ComputerName>", "<ComputerName>a name too long for it</ComputerName>",
         "may have 15 characters, and has 22"),
        ('pass="specialize"', 'pass="specialise"', "there is no pass 'specialise'"),
        ('pass="oobeSystem"', 'pass="specialize"', "the pass specialize is given twice"),
        ('name="Microsoft-Windows-International-Core-WinPE"', 'name="Microsoft-Windows-International-Core"',
         "Microsoft-Windows-International-Core does nothing in the pass windowsPE"),
        ('name="Networking-MPSSVC-Svc"', 'name="Microsoft-Networking-MPSSVC"',
         "there is no component 'Microsoft-Networking-MPSSVC'"),
        ('<component name="Microsoft-Windows-Setup" processorArchitecture="{{ arch }}"',
         '<component name="Microsoft-Windows-Setup" processorArchitecture="x86"',
         "processorArchitecture is x86: Setup would leave this component out"),
        ('name="Networking-MPSSVC-Svc" processorArchitecture="{{ arch }}" publicKeyToken="31bf3856ad364e35"',
         'name="Networking-MPSSVC-Svc" processorArchitecture="{{ arch }}"', "publicKeyToken is missing"),
        ('<FirewallGroup wcm:action="add" wcm:keyValue="RemoteDesktop">', '<FirewallGroup wcm:action="add">',
         "FirewallGroup has no key"),
        ('<MetaData wcm:action="add">', "<MetaData>", "MetaData is an item of a list and does not say so"),
        ("<HideEULAPage>true</HideEULAPage>", "<HideEULAPage>yes</HideEULAPage>",
         "HideEULAPage (yes) must be true or false"),
        ("<ProtectYourPC>3</ProtectYourPC>", "<ProtectYourPC>4</ProtectYourPC>", "must be a number from 1 to 3"),
        ("<LogonCount>1</LogonCount>", "<LogonCount>1</LogonCount><LogonCount>2</LogonCount>",
         "LogonCount is given twice"),
        ("<LogonCount>1</LogonCount>", "", "AutoLogon has no LogonCount"),
        ("<Order>1</Order>\n          <CommandLine>", "<CommandLine>", "SynchronousCommand has no Order"),
        ("<CommandLine>cmd", f"<CommandLine>{'x' * 1100}cmd", "may have 1024 characters"),
        ('wcm:keyValue="{{ loop.index }}"', 'wcm:keyValue="1"', "the key 1 is used twice"),
        ("<Key>{{ product_key }}</Key>", "<Key>VDYBN-27WPP</Key>", "must be a product key"),
        ("<OOBE>", "<OOBE>some words", "Microsoft-Windows-Shell-Setup/OOBE holds text"),
    ],
)  # fmt: skip
def test_what_windows_would_not_read_is_an_error_at_the_templates_line(found, old, new, problem):
    told, line = found(old, new)
    assert any(problem in one for one in told), told
    assert any(f"autounattend.xml.j2:{number}: " in told[0] for number in range(line - 2, line + 2)), (
        told,
        line,
    )


def test_passes_stand_in_the_order_in_which_they_run(tmp_path):
    head, rest = AGAIN.split('  <settings pass="generalize">')
    generalize, rest = rest.split("  </settings>\n", 1)
    turned = rest.replace(
        "</unattend>", f'  <settings pass="generalize">{generalize}  </settings>\n</unattend>'
    )
    (tmp_path / "u.xml.j2").write_text(head + turned)
    rendered = render(
        "u.xml.j2", answer_values(windows()), folders=[tmp_path], target="xml", secrets=References()
    )
    (told,) = [one.text() for one in check_unattend(rendered)]
    assert "the pass generalize stands after oobeSystem, but runs before it" in told


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("<Size>128</Size>", "<Size>128</Size><Extend>true</Extend>", "partition 2 must have a Size, or Extend=true"),
        ("<Size>300</Size>", "<Extend>true</Extend>", "partition 1 takes the whole disk, and others come after it"),
        ("<PartitionID>2</PartitionID>", "<PartitionID>2</PartitionID><Format>NTFS</Format>",
         "a partition of type MSR takes no Format"),
        ("<PartitionID>3</PartitionID>", "<PartitionID>4</PartitionID>",
         "partition 4 is modified, but 3 are created"),
        ("<Order>2</Order>", "<Order>1</Order>", "CreatePartition: Order 1 stands after 1"),
        ("<Format>NTFS</Format>", "<Format>ext4</Format>", "must be one of NTFS, FAT32"),
    ],
)  # fmt: skip
def test_a_disk_layout_that_does_not_fit_together_is_told(found, old, new, problem):
    told, _ = found(old, new, part="windows/disk-uefi.xml.j2", recipe=windows(firmware="uefi"))
    assert any(problem in one and "disk-uefi.xml.j2:" in one for one in told), told


def test_windows_is_put_where_it_can_grow(found):
    told, _ = found('{{ 3 if firmware == "uefi" else 2 }}', "1")
    assert ["Windows goes to partition 1 of 2, so it could never grow" in one for one in told] == [True]


def test_what_is_no_answer_file_is_told(tmp_path):
    (tmp_path / "x.xml.j2").write_text("<answers/>\n")
    rendered = render("x.xml.j2", {}, folders=[tmp_path], target="xml", secrets=References())
    (told,) = check_unattend(rendered)
    assert told.problem == "this is no answer file"


def test_every_answer_file_has_its_template():
    assert [one.template for one in FILES if not (TEMPLATES / one.template).is_file()] == []


@pytest.mark.parametrize("name", ["Autounattend.xml", "goldsmith/Unattend.xml"])
def test_no_element_can_be_misspelt(name):
    """Each element of the shipped files is renamed in turn: every one is missed at its own line."""
    shipped = render_answers(windows(), folders=[TEMPLATES], secrets=References())[name]
    lines = shipped.text.split("\n")
    tags = [(at, match[1]) for at, line in enumerate(lines) if (match := re.match(r" +<([A-Z]\w+)", line))]
    assert len(tags) >= 20
    for at, tag in tags:
        end = next(
            n
            for n in range(at, len(lines))
            if f"</{tag}>" in lines[n] and _depth(lines[n]) == _depth(lines[at])
        )
        wrong = list(lines)
        wrong[at] = wrong[at].replace(f"<{tag}", f"<{tag}x", 1)
        wrong[end] = wrong[end].replace(f"</{tag}>", f"</{tag}x>", 1)
        told = check_unattend(replace(shipped, text="\n".join(wrong)))
        assert [
            one
            for one in told
            if one.problem.endswith(f"has no setting {tag}x") and one.at == shipped.at(at + 1)
        ]


def _depth(line):
    return len(line) - len(line.lstrip())
