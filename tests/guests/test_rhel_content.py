"""kickstarts/parts/content.sh, run for real with fake package and registration commands."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldsmith.errors import GuestError
from goldsmith.guests import anaconda
from goldsmith.guests.watch import InstallWatch, Limits

PARTS = Path(__file__).parents[2] / "kickstarts" / "parts"
KEY = "key-nobody-may-see"
SHELLS = [one for one in ("/bin/dash", "/bin/bash") if Path(one).exists()]
RHSM = {"CONTENT_ORIGIN": "rhsm", "RHSM_ORG": "acme", "RHSM_ACTIVATION_KEY": KEY, "CONTENT_UPDATE": "yes"}
GOODBYE = ["repos --disable=*", "unregister", "clean", "yum clean all"]
REGISTER = f"register --name=goldsmith-build --org=acme --activationkey={KEY}"


@dataclass
class Ended:
    code: int
    console: str
    output: str
    called: list[str]

    @property
    def cause(self) -> str:
        """Return what a build says of such a console."""
        watch = InstallWatch(anaconda.RHEL7, Limits(total=9, silence=9, phase=9), stage="install", now=0)
        for line in [
            *self.console.splitlines(),
            "There was an error running the kickstart script at line 70",
        ]:
            list(watch.line(line, 1))
        with pytest.raises(GuestError) as caught:
            watch.powered_off()
        assert caught.value.exit_code == 4
        return caught.value.problem


@pytest.fixture(params=SHELLS)
def content(request, tmp_path, fake_tool):
    """Run the script as the kickstart does: its text as an argument, the console as descriptor 3."""

    def go(environment, *, register=":", unregister=":", repos=":", yum=":"):
        log, console = tmp_path / "called", tmp_path / "console"
        for name in ("rm", "cp", "mv", "sleep", "find"):  # nothing of this machine is touched
            fake_tool(name, f'echo "{name} $@" >> {tmp_path}/files')
        fake_tool(
            "subscription-manager",
            f'echo "$@" >> {log}\ncase $1 in\n'
            f"register) {register} ;;\nunregister) {unregister} ;;\nrepos) {repos} ;;\nesac",
        )
        fake_tool("yum", f'echo "yum $@" >> {log}\n{yum}')
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec 3>"$1"; exec "$2" -c "$3"', "sh", console, request.param,
             (PARTS / "content.sh").read_text()],
            env={"PATH": str(tmp_path / "bin"), **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        called = log.read_text().splitlines() if log.exists() else []
        return Ended(done.returncode, console.read_text(), done.stdout + done.stderr, called)

    return go


def test_it_registers_updates_installs_and_leaves_in_the_right_order(content, tmp_path):
    ended = content({**RHSM, "CONTENT_PACKAGES": "cloud-init growpart", "RHSM_REPOS": "base more-*"})
    assert ended.code == 0, ended.console
    asked = ["repos --enable=base", "repos --enable=more-*"]
    got = ["yum -y update", "yum -y install cloud-init", "yum -y install growpart"]
    assert ended.called == [REGISTER, *asked, *got, *GOODBYE]
    assert "find /var/log/rhsm -type f -exec shred -u {} ;" in (tmp_path / "files").read_text()
    assert KEY not in ended.console + ended.output
    assert "GOLDSMITH-STEP updating\n" in ended.console


def test_everything_that_the_recipe_says_is_handed_on(content):
    said = {
        "CONTENT_ORIGIN": "rhsm", "RHSM_ORG": "o", "RHSM_USERNAME": "u", "RHSM_PASSWORD": "p w",
        "RHSM_AUTO_ATTACH": "yes", "RHSM_ENVIRONMENT": "Dev", "RHSM_SERVERURL": "sat:443/rhsm",
        "RHSM_BASEURL": "https://sat/pulp", "RHSM_RELEASE": "7.9",
    }  # fmt: skip
    assert content(said).called[0] == (
        "register --name=goldsmith-build --org=o --username=u --password=p w --auto-attach --environment=Dev "
        "--serverurl=sat:443/rhsm --baseurl=https://sat/pulp --release=7.9"
    )


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            "None of the activation keys specified exist for this org.",
            "the activation key is not one of this org",
        ),
        ("Activation key: k has expired", "the activation key, or its subscription, has expired"),
        ("Invalid username or password. To create a login ...", "wrong username or password"),
        ("Unable to reach the server at subscription.rhsm.example:443", "the server cannot be reached"),
        ("certificate verify failed: certificate has expired", "the server's certificate is not accepted"),
        ("Organization acme does not exist.", "there is no such organization"),
        ("something new", "subscription-manager refused"),
    ],
)
def test_a_refused_registration_has_its_cause_and_its_exit_status(content, said, cause):
    ended = content(
        RHSM, register=f"echo '{said}' for {KEY} >&2; exit 70", unregister="exit 1", repos="exit 1"
    )
    assert ended.code == 1
    assert ended.called == [REGISTER, *GOODBYE]
    assert f"the guest could not be registered: {cause}" in ended.cause
    assert "(exit status 70)" in ended.cause
    assert KEY not in ended.console + ended.output


def test_a_registration_that_covers_not_every_product_goes_on(content):
    words = "Unable to find available subscriptions for all your installed products."
    ended = content(RHSM, register=f"echo '{words}'; exit 1")
    assert (ended.code, ended.called) == (0, [REGISTER, "yum -y update", *GOODBYE])


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"yum": '[ "$2" != update ] || exit 3'}, "the update failed: yum ended with exit status 3"),
        ({"yum": '[ "$3" != tool ] || exit 1'}, "tool cannot be installed (exit status 1)"),
        ({"repos": '[ "$2" != --enable=none ] || exit 1'}, "none cannot be enabled"),
    ],
)
def test_a_failure_between_leaves_no_registration(content, change, cause):
    ended = content({**RHSM, "CONTENT_PACKAGES": "tool", "RHSM_REPOS": "none"}, **change)
    assert ended.code == 1
    assert ended.called[-4:] == GOODBYE
    assert cause in ended.cause
    assert ended.console.splitlines()[-1].startswith(
        "GOLDSMITH-FAILED "
    )  # only after the guest is unregistered


def test_a_guest_that_stays_registered_is_a_failure(content):
    ended = content(RHSM, unregister="exit 1")
    assert ended.code == 1
    assert ended.called.count("unregister") == 3
    assert "the guest could not be unregistered: the guest is still registered" in ended.cause


def test_the_systems_own_repositories_need_no_registration(content):
    ended = content({"CONTENT_ORIGIN": "system", "CONTENT_UPDATE": "yes", "CONTENT_PACKAGES": "cloud-init"})
    assert ended.called == ["yum -y update", "yum -y install cloud-init", "yum clean all"]


def test_without_a_console_it_speaks_to_stderr(tmp_path, fake_tool):
    for name in ("yum", "rm"):
        fake_tool(name)
    fake_tool("yum", "[ $2 != update ] || exit 1")
    done = subprocess.run(
        ["/bin/sh", "-c", (PARTS / "content.sh").read_text()],
        env={"PATH": str(tmp_path / "bin"), "CONTENT_ORIGIN": "system", "CONTENT_UPDATE": "yes"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "GOLDSMITH-FAILED update: yum ended with exit status 1",
    )


@pytest.fixture
def growroot(tmp_path, fake_tool, tool_on_path):
    """Run the service of RHEL 6 in a folder that stands for the guest."""

    def go(*, growpart="exit 0", size="100", verb="start"):
        fake_tool("df", "echo head; echo '/dev/vda1 1 1 1 1% /'")
        fake_tool("blockdev", f"echo {size}")
        grow, restart = fake_tool("growpart", growpart), fake_tool("reboot")
        for name in ("sh", "awk", "sed", "cat"):
            tool_on_path(name)
        fake_tool("sync")
        seen = tmp_path / "misc"
        seen.mkdir(exist_ok=True)
        text = (PARTS / "growroot.sh").read_text().replace("/var/lib/misc", str(seen))
        done = subprocess.run(["/bin/sh", "-c", text, "growroot", verb], check=False, timeout=20)
        return done.returncode, grow.calls, restart.calls

    return go


def test_a_larger_disk_is_grown_into_and_the_guest_started_once_more(growroot):
    assert growroot() == (0, [["/dev/vda", "1"]], [[]])
    assert growroot() == (0, [["/dev/vda", "1"]], [[]])  # at the next start nothing is done again
    code, grown, restarts = growroot(size="200")
    assert (code, len(grown), len(restarts)) == (0, 2, 2)


def test_without_room_the_guest_goes_on(growroot):
    assert growroot(growpart="exit 1") == (0, [["/dev/vda", "1"]], [])
    assert growroot(verb="stop")[1] == [["/dev/vda", "1"]]
