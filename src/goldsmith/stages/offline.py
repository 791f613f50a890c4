"""Customize steps that change the disk while the guest is off, by virt-customize."""

import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.errors import Mark, RecipeError, ToolError
from goldsmith.events import ToolSaid
from goldsmith.guests import cloudcfg
from goldsmith.guests.actions import FRAGMENT
from goldsmith.guests.placing import pieces, put_file, put_folder
from goldsmith.plan.stage import REFRESH, Context, Inputs, Kind, Work
from goldsmith.recipe.scripts import script_text
from goldsmith.recipe.secrets import Secret
from goldsmith.recipe.steps import CloudInit, Packages, Run, Services, Step, Upload, Write
from goldsmith.stages.guest import Guest, OfSteps, Task, said_with
from goldsmith.stages.parts import PATIENCE, private_folder
from goldsmith.stages.taken import taken

ASIDE = "/tmp/.goldsmith-upload"  # a folder of the guest, for the moment
SCRIPT = "/tmp/.goldsmith-script"  # so begins the name of a file of the guest, for the moment
Reveal = Callable[[str | Secret], str]


@dataclass(frozen=True)
class Offline(OfSteps):
    """One step with ``via: offline``. Scripts run in a chroot of the appliance: no services, no network."""

    name: str
    guest: Guest
    step: Step
    said: Inputs
    at: Mark | None = None
    earlier: tuple[Task, ...] = ()  # steps that want no layer of their own: done first, in the same launch

    kind = Kind.DISK
    version = 2
    group = ""

    def inputs(self) -> Inputs:
        return said_with(self.earlier, self.said)

    def dated(self, as_of: str) -> "Offline":
        return replace(self, said={**self.said, REFRESH: as_of})

    @property
    def steps(self) -> Sequence[Step]:
        return [*(one.step for one in self.earlier), self.step]

    def run(self, work: Work, context: Context) -> None:
        assert work.before
        host = context.host_for(self.name)
        qemuimg.create_overlay(host, work.before, work.disk, relative=True)
        tasks = (*self.earlier, Task(self.step, self.said, self.at))
        titles = ", ".join(f"'{one.step.title}'" for one in tasks)
        with private_folder(context) as private, ExitStack() as files:
            steps = [(files.enter_context(taken(one, context)), one.at) for one in tasks]
            try:
                host.run(
                    "virt-customize", "--format", "qcow2", "-a", work.disk,
                    *(
                        word
                        for step, at in steps
                        for word in commands(step, private, self.guest.reveal, at=at)
                    ),
                    env=context.guestfs_env,
            timeout=PATIENCE,
                    on_line=lambda line: context.reporter.tell(ToolSaid(self.name, self.step.title, line)),
                )  # fmt: skip
            except ToolError as error:
                raise ToolError(
                    f"step {titles} failed offline",
                    at=self.at,
                    evidence=error.evidence,
                    fix="the lines above are virt-customize's; the layer before is untouched",
                ) from None


def commands(step: Step, folder: Path, reveal: Reveal, *, at: Mark | None) -> list[str]:
    """Return the arguments of virt-customize for a step; texts and scripts are put into ``folder`` (private)."""
    action = step.action
    if isinstance(action, Run):
        return _run(action, folder, reveal)
    if isinstance(action, Write):
        content = action.file.read_bytes() if action.file else reveal(action.content or "").encode()
        return _placed(_file(folder, content), action.path, action.mode, action.owner)
    if isinstance(action, Upload):
        return _upload(action, folder)
    if isinstance(action, Packages):
        return _packages(action)
    if isinstance(action, Services):
        return _services(action)
    if isinstance(action, CloudInit) and not action.add_module:
        texts = {FRAGMENT: cloudcfg.fragment(action)}
        texts |= {f"/etc/cloud/cloud.cfg.d/{name}": text for name, text in action.drop_ins.items()}
        return [
            word
            for path, text in texts.items()
            if text
            for word in _placed(_file(folder, text.encode()), path, "0644", "root:root")
        ]
    raise RecipeError(
        f"step '{step.title}' cannot be done offline",
        at=at,
        fix="leave out via: offline; it needs the running guest",
    )


def _run(action: Run, folder: Path, reveal: Reveal) -> list[str]:
    """Run a script; by another one where it has an environment, an interpreter or exit codes of its own."""
    script = script_text(action.file) if action.file else action.script or ""
    if action.interpreter is None and not script.startswith("#!"):
        script = f"#!/bin/sh\nset -e\n{script}"
    plain = not action.environment and action.interpreter is None and action.allowed_exit_codes == (0,)
    file = _file(folder, script.encode(), mode=0o700)
    if plain:
        return ["--run", str(file)]
    inside = f"{SCRIPT}-{file.name}"
    lines = [
        "#!/bin/sh",
        *(f"export {name}={shlex.quote(reveal(one))}" for name, one in action.environment.items()),
        f"chmod 0700 {inside}",
        f"{action.interpreter or ''} {inside}".strip(),
        "code=$?",
        f"rm -f {inside}",
        f"case $code in {'|'.join(map(str, action.allowed_exit_codes)) or 'none'}) exit 0 ;; 0) exit 1 ;; esac",
        "exit $code",
    ]
    caller = _file(folder, "\n".join([*lines, ""]).encode(), mode=0o700)
    return ["--upload", f"{file}:{inside}", "--run", str(caller)]


def _upload(action: Upload, folder: Path) -> list[str]:
    """Bring a folder by way of another one: --copy-in gives it no other name, and knows neither mode nor owner."""
    if action.source.is_file():
        (one,) = pieces(action)
        return _placed(one.local, one.path, one.mode, one.owner)
    aside = f"{ASIDE}-{len(list(folder.iterdir()))}"
    lines = ["#!/bin/sh", "set -e"]
    for one in pieces(action):
        staged = f"{aside}/{one.local.relative_to(action.source.parent)}"
        lines.append(
            put_folder(one) if one.is_folder else put_file(staged, one.path, mode=one.mode, owner=one.owner)
        )
    file = _file(folder, "\n".join([*lines, f"rm -rf {aside}", ""]).encode(), mode=0o700)
    return ["--mkdir", aside, "--copy-in", f"{action.source}:{aside}", "--run", str(file)]


def _packages(action: Packages) -> list[str]:
    argv: list[str] = []
    if action.remove:
        argv += ["--uninstall", ",".join(action.remove)]
    if action.update == "all":
        argv += ["--update"]
    wanted = [*action.install, *(action.update if action.update != "all" else ())]
    return [*argv, *(["--install", ",".join(wanted)] if wanted else [])]


def _services(action: Services) -> list[str]:
    argv: list[str] = []
    for verb, names in (("enable", action.enable), ("disable", action.disable), ("mask", action.mask)):
        for name in names:
            argv += ["--run-command", f"systemctl {verb} {shlex.quote(name)}"]
    return argv


def _placed(source: Path, path: str, mode: str, owner: str) -> list[str]:
    user, _, group = owner.partition(":")
    chown = f"chown -R {shlex.quote(user)}:{shlex.quote(group or user)} {shlex.quote(path)}"
    parent = path.rpartition("/")[0] or "/"
    return [
        *("--mkdir", parent, "--upload", f"{source}:{path}"),
        *("--chmod", f"{mode}:{path}", "--run-command", chown),
    ]


def _file(folder: Path, content: bytes, *, mode: int = 0o600) -> Path:
    path = folder / f"part-{len(list(folder.iterdir()))}"
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return path
