"""Customize steps that change the disk while the guest is off, by virt-customize."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.errors import Mark, RecipeError, ToolError
from goldsmith.events import ToolSaid
from goldsmith.guests import cloudcfg
from goldsmith.guests.actions import FRAGMENT
from goldsmith.plan.stage import REFRESH, Context, Inputs, Kind, Work
from goldsmith.recipe.secrets import Secret
from goldsmith.recipe.steps import CloudInit, Packages, Run, Services, Step, Upload, Write
from goldsmith.stages.guest import Guest, OfSteps, Task, said_with
from goldsmith.stages.parts import PATIENCE, private_folder

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
    version = 1
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
        with private_folder(context) as private:
            try:
                host.run(
                    "virt-customize", "--format", "qcow2", "-a", work.disk,
                    *(
                        word
                        for one in tasks
                        for word in commands(one.step, private, self.guest.reveal, at=one.at)
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
        file = _file(folder, action.file.read_text() if action.file else reveal(action.content or ""))
        return _placed(file, action.path, action.mode, action.owner)
    if isinstance(action, Upload):
        mode = action.mode or f"{action.source.stat().st_mode & 0o777:04o}"
        return _placed(action.source, action.dest, mode, action.owner or "root:root")
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
            for word in _placed(_file(folder, text), path, "0644", "root:root")
        ]
    raise RecipeError(
        f"step '{step.title}' cannot be done offline",
        at=at,
        fix="leave out via: offline; it needs the running guest",
    )


def _run(action: Run, folder: Path, reveal: Reveal) -> list[str]:
    script = action.file.read_text(encoding="utf-8") if action.file else action.script or ""
    if action.interpreter:
        script = f"#!{action.interpreter}\n{script}"
    elif not script.startswith("#!"):
        script = f"#!/bin/sh\nset -e\n{script}"
    exports = "".join(
        f"export {name}={shlex.quote(reveal(one))}\n" for name, one in action.environment.items()
    )
    if exports:
        first, _, rest = script.partition("\n")
        script = f"{first}\n{exports}{rest}"
    file = _file(folder, script)
    file.chmod(0o700)
    return ["--run", str(file)]


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
    verb: Sequence[str] = ["--upload", f"{source}:{path}"]
    if source.is_dir():
        verb = ["--copy-in", f"{source}:{parent}"]
    return ["--mkdir", parent, *verb, "--chmod", f"{mode}:{path}", "--run-command", chown]


def _file(folder: Path, text: str) -> Path:
    path = folder / f"part-{len(list(folder.iterdir()))}"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
