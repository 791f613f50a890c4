"""A whole factory of fake tools: every stage runs, on real qemu-img and catalog, with no guest anywhere."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldsmith.audit.run import BY_ID
from goldsmith.cli.main import run
from goldsmith.host.locks import is_locked

VIRT_INSTALL = """
for word; do case "$word" in pty,log.file=*) console=${word#pty,log.file=};; esac; done
printf 'Linux version 3.10\\nStarting package installation process\\n%s\\n' "${SAID:-GOLDSMITH-INSTALL-OK}" > "$console"
"""


def guestfish(answers: str) -> str:
    """Return a guestfish that takes its questions from a file, and answers by these cases of the shell."""
    return f"""
for questions; do :; done
while read -r line; do
    case "$line" in
        quit) exit 0 ;;
{answers}
        *) answer= ;;
    esac
    printf '%s\\n' "$answer" | sh -c "cat${{line##*| cat}}"
done < "$questions"
"""


GUESTFISH = guestfish("""
        *list-filesystems*) answer='/dev/sda1: ext4' ;;
        *is-file*) answer=${MARKER:-true} ;;
""")
STEPS = """\
customize:
  - {name: one, run: "echo one", via: offline}
  - {name: two, run: "echo two", via: offline}
"""


@dataclass
class Shown:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]

    def stages(self, event: str) -> list[str]:
        return [one["stage"] for one in self.events if one["event"] == event]


@dataclass
class Factory:
    """A project and a state folder; ``tools`` are the fakes by name."""

    project: Path
    state: Path
    tools: dict
    capfd: pytest.CaptureFixture

    def __call__(self, *words: str) -> Shown:
        self.capfd.readouterr()
        code = run([str(word) for word in words])
        shown = self.capfd.readouterr()
        return Shown(code, shown.out, shown.err)

    def recipe(self, name: str, text: str = STEPS, *, family: str = "demo") -> None:
        waivers = "".join(f"    - {{check: {one}, reason: there is no guest here}}\n" for one in BY_ID)
        (self.project / "recipes" / f"{name}.yaml").write_text(
            f"name: {name}\nfamily: {family}\nmedia: {{tree: {self.project}/tree}}\ndisk: {{size: 4 MiB}}\n"
            f"audit:\n  profile: debian\n  waivers:\n{waivers}{text}"
        )

    @property
    def layers(self) -> list[Path]:
        return list((self.state / "store" / "layers").iterdir())

    @property
    def left(self) -> list[Path]:
        """Return what a build should not leave behind; this process keeps a folder until its own end."""
        half = [one for one in self.layers if not (one / "entry.json").exists()]
        temporary = [one for one in Path(os.environ["TMPDIR"]).iterdir() if not is_locked(one / "lock")]
        return [*half, *(self.state / "run").glob("*"), *temporary]


@pytest.fixture
def factory(tmp_path, monkeypatch, fake_tool, tool_on_path, capfd) -> Factory:
    project = tmp_path / "project"
    for folder in ("recipes", "kickstarts", "tree/images/pxeboot"):
        (project / folder).mkdir(parents=True)
    (project / "tree" / ".treeinfo").write_text("[general]\nfamily = x\n")
    tool_on_path("qemu-img")
    tools = {
        "virt-install": fake_tool("virt-install", VIRT_INSTALL),
        "guestfish": fake_tool("guestfish", GUESTFISH),
    }
    for name, script in {
        "virt-sysprep": 'case "$*" in *--version*) echo virt-sysprep 1.48.1 ;; esac',
        "virt-sparsify": "",
        "virt-customize": "",
        "osinfo-query": "exit 1",
        "osinfo-detect": "",
    }.items():
        tools[name] = fake_tool(name, script)
    monkeypatch.setenv("GOLDSMITH_ACCEL", "tcg")
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "test:///default")
    monkeypatch.chdir(project)
    made = Factory(project, tmp_path / "state", tools, capfd)
    made.recipe("r")
    return made
