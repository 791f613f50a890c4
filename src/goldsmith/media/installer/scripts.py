# SPDX-License-Identifier: GPL-2.0-or-later
"""Run the script sections, as Anaconda runs them: bodies and logs stay in /tmp, failures count when asked."""

import secrets
from collections.abc import Iterable
from pathlib import Path

from goldsmith.media.installer.answers import Script, When
from goldsmith.media.installer.machine import Machine
from goldsmith.media.installer.steps import InstallProblem
from goldsmith.media.installer.voice import Voice

SAID = 20  # lines of a failed script that are told; Anaconda tells all of them


def run_scripts(machine: Machine, scripts: Iterable[Script], when: When, voice: Voice) -> None:
    """Run the sections of one kind in order; raises InstallProblem for a fatal one that fails."""
    for script in scripts:
        if script.when is when:
            _run(machine, script, voice)


def _run(machine: Machine, script: Script, voice: Voice) -> None:
    name = f"ks-script-{secrets.token_hex(3)}"
    folder = machine.inside("/tmp") if script.chroot else machine.logs
    seen = f"/tmp/{name}" if script.chroot else str(folder / name)
    folder.mkdir(parents=True, exist_ok=True)
    body = folder / name
    body.write_text(script.body, encoding="utf-8")
    body.chmod(0o700)
    log = folder / f"{name}.log"
    if script.log:
        log = machine.inside(script.log) if script.chroot else Path(script.log)
    machine.note(f"Running kickstart script {script.when} of line {script.line}")
    start = log.stat().st_size if log.exists() else 0
    argv = (*script.interpreter.split(), seen)
    code = machine.script(argv, log=log, env={"ANA_INSTALL_PATH": str(machine.root)}, chroot=script.chroot)
    if not code:
        return
    machine.note(f"Error code {code} running the kickstart script at line {script.line}")
    if script.fatal:
        with log.open("rb") as output:
            output.seek(start)
            said = output.read().decode(errors="replace").strip().splitlines()
        text = "\n".join(said[-SAID:]) or f"exit status {code}"
        raise InstallProblem(voice.script_error.format(line=script.line, log=str(log), text=text))
