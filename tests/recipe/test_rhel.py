"""What install.content, install.subscription and install.root_growth may say; each problem has its place."""

import pytest

from goldsmith.errors import RecipeError
from goldsmith.recipe.rhel import Origin

HEAD = """name: r
family: small
media: {iso: x.iso}
install:
"""
KEY = "activation_key: !secret env:K"


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (f"  subscription: {{{KEY}}}", "5:17", "an activation key needs its organization"),
        (
            f"  subscription: {{org: o, {KEY}, username: u, environment: Dev}}",
            "5:17",
            "an activation key is given, and username and environment cannot be used with one",
        ),
        (
            f"  subscription: {{org: o, {KEY}, auto_attach: true}}",
            "5:17",
            "an activation key is given, and auto_attach cannot be used with one",
        ),
        ("  subscription: {org: o}", "5:17", "nobody can register with neither key nor username"),
        ("  subscription: {username: u}", "5:17", "nobody can register with username without password"),
        (
            "  subscription: {password: !secret env:P}",
            "5:17",
            "nobody can register with password without username",
        ),
        (
            "  subscription: {org: o, activation_key: plain}",
            "5:17",
            "activation_key stands in the recipe for all to read",
        ),
        ("  subscription: {org: o, key: k}", "5:26", "install.subscription.key is not a key"),
        ("  content: {origin: rhsm}", "5:3", "there is no subscription"),
        ("  content: {origin: repos}", "5:3", "content comes from repos, and there are none"),
        ("  content: {origin: dvd}", "5:21", "install.content.origin wants medium, repos, rhsm, system"),
        ("  content: {origin: [medium]}", "5:21", "install.content.origin wants medium, repos, rhsm, system"),
        ("  content: {origin: {medium: 1}}", "5:21", "install.content.origin wants medium, repos"),
        ("  root_growth: growroot", "5:3", "dracut-modules-growroot is in EPEL 6 alone"),
    ],
)
def test_what_cannot_be_is_told_at_its_place(load, text, place, problem):
    with pytest.raises(RecipeError) as caught:
        load(HEAD + text + "\n")
    assert problem in caught.value.problem
    assert f"{caught.value.at.line}:{caught.value.at.column}" == place
    assert caught.value.fix


def test_the_origin_follows_from_what_is_said(load):
    assert load(HEAD + "  packages: [a]\n").install.origin is Origin.MEDIUM
    assert load(HEAD + "  repos: [{name: a, baseurl: 'http://a/'}]\n").install.origin is Origin.REPOS
    assert load(HEAD + f"  subscription: {{org: o, {KEY}}}\n").install.origin is Origin.RHSM


def test_another_origin_drops_the_registration(load):
    install = load(HEAD + f"  subscription: {{org: o, {KEY}}}\n  content: {{origin: system}}\n").install
    assert (install.origin, install.subscription) == (Origin.SYSTEM, None)


def test_a_registration_becomes_the_environment_of_the_script(load):
    text = "{username: u, password: !secret env:P, serverurl: 'https://sat:443/rhsm', repos: [a, b]}"
    variables = load(
        HEAD + f"  subscription: {text}\n  content: {{packages: [x]}}\n"
    ).install.content_variables()
    assert {name: str(value) for name, value in variables.items()} == {
        "CONTENT_ORIGIN": "rhsm",
        "CONTENT_UPDATE": "yes",
        "CONTENT_PACKAGES": "x",
        "RHSM_USERNAME": "u",
        "RHSM_PASSWORD": "!secret env:P",
        "RHSM_SERVERURL": "sat:443/rhsm",
        "RHSM_REPOS": "a b",
    }
