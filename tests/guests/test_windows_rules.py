"""What a recipe may not say for Windows, each with its place."""

import pytest

from goldsmith.compose import Where, load
from goldsmith.errors import RecipeError, RecipeErrors

HEAD = "name: w\nfamily: windows\nos: win2k22\nmedia: {iso: x.iso}\n"


@pytest.fixture
def refused(tmp_path):
    def ask(text, head=HEAD):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / "w.yaml").write_text(head + text)
        try:
            load("w", Where(tmp_path, tmp_path / "state", "test:///default"), {})
        except RecipeErrors as errors:
            found = list(errors.problems)
        except RecipeError as error:
            found = [error]
        else:
            found = []
        return [(one.at.line, one.at.column, one.problem) for one in found]

    return ask


def test_a_plain_recipe_for_windows_is_good(refused):
    text = (
        "customize:\n- run: Get-Date\n- write: {path: 'C:\\x\\y', content: z}\n- services: {enable: [sshd]}\n"
    )
    assert refused(text) == []


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("install: {packages: [vim]}\n", (5, 21), "install.packages has no meaning for Windows"),
        ("install: {kickstart: x.ks}\n", (5, 22), "install.kickstart has no meaning for Windows"),
        (
            "sysprep: {enable: [x]}\n",
            (5, 19),
            "sysprep.enable has no meaning for Windows: virt-sysprep cannot change Windows",
        ),
        ("customize:\n- packages: {install: [vim]}\n", (6, 13), "packages is no step for Windows"),
        ("customize:\n- cloud_init: {datasources: [Ec2]}\n", (6, 15), "cloud_init is no step for Windows"),
        ("customize:\n- run: x\n  via: ssh\n", (7, 8), "a Windows guest is not reached by ssh"),
        (
            "customize:\n- write: {path: 'C:\\x', content: y, owner: bin}\n",
            (6, 44),
            "customize.write.owner has no meaning for Windows: Windows has other permissions",
        ),
        (
            "customize:\n- write: {path: /etc/motd, content: y}\n",
            (6, 17),
            "/etc/motd is no path of Windows",
        ),
        (
            "customize:\n- run: {script: x, interpreter: /bin/sh}\n",
            (6, 33),
            "/bin/sh runs no script in Windows here",
        ),
    ],
)
def test_what_windows_has_no_use_for_is_refused_where_it_stands(refused, text, place, problem):
    ((line, column, found),) = refused(text)
    assert (found, (line, column)) == (problem, place)


def test_only_windows_has_a_windows_part(refused):
    ((line, _, problem),) = refused("windows: {rdp: false}\n", "name: w\nfamily: demo\n")
    assert (line, problem) == (3, "windows says nothing to the family demo")


def test_windows_is_installed_from_an_iso(refused):
    head = "name: w\nfamily: windows\nos: win2k22\nmedia: {image: x.qcow2}\n"
    ((line, _, problem),) = refused("", head)
    assert (line, problem) == (4, "Windows is installed from an ISO here")
