"""``goldsmith shell``: into the guest of a build, while it is built or after it failed and was kept."""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.builds import echo
from goldsmith.cli.shell_kept import again, nothing_kept
from goldsmith.cli.view_logs import read_log
from goldsmith.errors import GuestError, HostError, UsageError
from goldsmith.record import BuildRecord, BuildState, find, summary_of

if TYPE_CHECKING:  # loaded when needed: they bring libvirt and paramiko
    from goldsmith.guests.access import Way
    from goldsmith.host.hypervisor import Hypervisor
    from goldsmith.plan.kept import Kept

LINES = 20  # of the console, where nothing else can be shown
_DAY = 86400.0  # seconds; a person waits as long as it takes


@dataclass(frozen=True)
class Found:
    """The guest of a build; ``kept`` is None while it is being built."""

    build: BuildRecord
    domain: str
    uri: str
    state: str
    screen: str
    console: Path | None
    windows: bool
    way: "Way | None"
    address: str  # of the guest, as far as libvirt knows it
    kept: "Kept | None"

    @property
    def run(self) -> Path:
        return _run_folder(self.build, self.kept)

    def enter(self) -> None:
        """Note that somebody is in: from now on the layers of a running build are not what the recipe says alone."""
        from goldsmith.plan.kept import ENTERED

        if self.kept is None:
            (self.build.folder / ENTERED).touch(mode=0o600)

    def as_json(self) -> dict[str, Any]:
        return {
            "build": self.build.id,
            "domain": self.domain,
            "state": self.state,
            "kept": self.kept is not None,
            "stage": self.kept.stage if self.kept else "",
            "screen": self.screen,
            "console": str(self.console or ""),
            "ssh": _ssh(self) if self.way else [],
        }


@click.command(cls=Command, context_settings={"ignore_unknown_options": False})
@click.argument("build", required=False, default="")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--drop", is_flag=True, help="Take the kept guest away, with its disk and its keys.")
@pass_settings
def shell(settings: Settings, build: str, command: tuple[str, ...], *, drop: bool) -> int:
    """Open a shell in the guest of BUILD, or run COMMAND there and end with its exit status (put -- before it).

    The guest is one that is being built, or that a failed build has kept (build --keep-failed). Where SSH is not
    possible it is the serial console. --json only tells where the guest is to be found. BUILD is an id or a part of
    it, or a recipe for its newest build; the newest of all when left out; or the id of a boot test that kept its guest.
    """
    from goldsmith.host.hypervisor import connect
    from goldsmith.host.libvirtd import default_uri
    from goldsmith.plan.kept import note_of

    record = _record(settings.state, build)
    note = note_of(record.folder.parent, record.id)
    kept = note if note and not note.ended else None
    if drop:
        return _drop(settings, record, note)
    with connect(kept.uri if kept else default_uri()) as hypervisor:
        found = _find(record, kept, note, hypervisor)
        if settings.json and not command:
            settings.emit(found.as_json())
            return 0
        _tell(settings, found)
        if found.state == "paused":
            raise GuestError(
                f"QEMU has paused the guest {found.domain}",
                fix=f"when its cause is mended: virsh -c {found.uri} resume {found.domain}, then repeat this",
            )
        code = _enter(settings, found, command, hypervisor)
    return _console(found) if code is None else code


def _record(state: Path, name: str) -> BuildRecord:
    from goldsmith.boottest.place import BOOT_TESTS
    from goldsmith.plan.kept import NOTE

    alone = state / BOOT_TESTS / name
    return BuildRecord(alone) if name and (alone / NOTE).exists() else find(state / "builds", name)


def _run_folder(record: BuildRecord, kept: "Kept | None") -> Path:
    return record.folder.parents[1] / "run" / (kept.mark if kept else record.id)


def _drop(settings: Settings, record: BuildRecord, note: "Kept | None") -> int:
    from goldsmith.host.hypervisor import connect
    from goldsmith.plan.keeping import release

    if note is None or note.ended:
        raise nothing_kept(record.id, note)
    with connect(note.uri) as hypervisor:
        release(note, hypervisor, settings.state, why="dropped")
    if settings.json:
        settings.emit({"build": record.id, "domain": note.domain, "dropped": True})
    elif not settings.quiet:
        click.echo(f"{note.domain} is gone, with its disk and its keys")
    return 0


def _find(record: BuildRecord, kept: "Kept | None", note: "Kept | None", hypervisor: "Hypervisor") -> Found:
    """Return the guest; raises UsageError where the build has none, and GuestError where it is gone."""
    from goldsmith.host.domains import DomainState, vnc_of
    from goldsmith.plan.keeping import way_of
    from goldsmith.stages.parts import DOMAIN_PREFIX

    summary = summary_of(record.folder)
    running = summary is not None and summary.state is BuildState.RUNNING
    if kept:
        domain = kept.domain
    elif not running:
        raise nothing_kept(record.id, note)
    else:
        ours = f"goldsmith build={record.id} state={record.folder.parents[1]}"
        there = [one for one in hypervisor.domains(DOMAIN_PREFIX) if one.description.strip() == ours]
        if not there:
            raise UsageError(
                f"the build {record.id} runs no guest at this moment", fix=f"goldsmith logs -f {record.id}"
            )
        domain = there[0].name
    state = hypervisor.state(domain)
    if state in (DomainState.GONE, DomainState.SHUTOFF):
        raise GuestError(
            f"the guest {domain} does not run any more",
            fix=again(kept) if kept else f"goldsmith logs {record.id}",
        )
    xml = hypervisor.xml(domain)
    consoles = [one for one in sorted(record.folder.rglob("console*.log")) if str(one) in xml]
    return Found(
        build=record,
        domain=domain,
        uri=hypervisor.uri,
        state=state.value,
        screen=vnc_of(xml),
        console=consoles[0] if consoles else None,
        windows=kept.windows if kept else "microsoft.com/win" in xml,
        way=way_of(_run_folder(record, kept)),
        address=hypervisor.address(domain) or "",
        kept=kept,
    )


def _tell(settings: Settings, found: Found) -> None:
    if settings.quiet or settings.json:
        return
    what = (
        f"kept when {found.kept.stage} failed" if found.kept else "being built: a change goes into its image"
    )
    rows = [f"guest   {found.domain}, {found.state}; {what}"]
    if found.screen.startswith("/"):
        rows.append(f"screen  VNC on the socket {found.screen}")
        rows.append(
            f"        from elsewhere: ssh -L 5901:{found.screen} root@HOST, then a viewer on localhost:5901"
        )
    elif found.screen:
        rows.append(f"screen  VNC on {found.screen}")
    if found.way and found.way.privilege:
        rows.append(f"root    {found.way.privilege.strip()} COMMAND")
    if found.kept:
        rows.append(f"then    {again(found.kept)}")
    click.echo("\n".join(rows), err=True)


def _enter(
    settings: Settings, found: Found, command: tuple[str, ...], hypervisor: "Hypervisor"
) -> int | None:
    """Return the exit status of the shell or the command; None where only the console is left."""
    from goldsmith.guests.reach import reach

    if found.windows and command:
        return _by_agent(settings, found, command, hypervisor)
    if found.way is None:
        if command:
            raise GuestError(
                f"commands need SSH, and there is none in {found.domain}",
                fix=f"goldsmith shell {found.build.id}",
            )
        return None
    from goldsmith.host.shell_terminal import attach, status

    line = command[0] if len(command) == 1 else shlex.join(command)
    try:
        with reach(found.way, hypervisor, found.domain) as inside:
            found.enter()
            if not settings.json:
                return attach(inside, line)
            lines: list[str] = []
            ran = inside.run(line, on_line=lines.append, timeout=_DAY)
            return _told(settings, found, status(ran.code), lines)
    except GuestError as error:
        if command:
            raise
        click.echo(f"{error.text()}\nwhat is left is the serial console:", err=True)
        return None


def _by_agent(settings: Settings, found: Found, command: tuple[str, ...], hypervisor: "Hypervisor") -> int:
    """Run a command in Windows by its guest agent; what it says comes when it has ended."""
    from goldsmith.host.windows_agent import WindowsShell

    hypervisor.agent(found.domain, "guest-ping", timeout=30)  # where it does not answer, nothing is opened
    found.enter()
    lines: list[str] = []
    ran = WindowsShell(hypervisor, found.domain).execute(
        command[0], command[1:], what=command[0], on_line=lines.append, timeout=_DAY
    )
    if settings.json:
        return _told(settings, found, ran.code, lines)
    for line in lines:
        echo(line)
    return ran.code


def _told(settings: Settings, found: Found, code: int, lines: list[str]) -> int:
    settings.emit({**found.as_json(), "exit_code": code, "lines": lines})
    return code


def _console(found: Found) -> int:
    """Become virsh's console, where there is a person; else show the end of what it has said."""
    if found.windows:
        click.echo("Windows says nothing on its serial port: its screen is the way in", err=True)
        return 0
    if sys.stdin and sys.stdin.isatty():
        if not shutil.which("virsh"):
            raise HostError("virsh is not installed", fix="install libvirt-clients")
        click.echo("Ctrl-] leaves the console; Enter makes it speak", err=True)
        sys.stderr.flush()
        found.enter()
        os.execvp("virsh", ["virsh", "-q", "-c", found.uri, "console", found.domain, "--force"])
    for line in list(read_log(found.console))[-LINES:] if found.console else ():
        echo(line)
    click.echo("the serial console needs a terminal; these are its last lines", err=True)
    return 0


def _ssh(found: Found) -> list[str]:
    """Return the command that does the same by OpenSSH, and that scp and rsync take their options from."""
    from goldsmith.plan.keeping import ACCESS, KEY, KNOWN_HOSTS

    assert found.way
    access = found.run / ACCESS
    options = (
        f"UserKnownHostsFile={access / KNOWN_HOSTS}", f"HostKeyAlias={found.domain}", "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
    )  # fmt: skip
    argv = ["ssh", "-F", "none", "-i", str(access / KEY), "-p", str(found.way.port)]
    for one in options:
        argv += ["-o", one]
    return [*argv, f"{found.way.user}@{found.way.address or found.address}"]
