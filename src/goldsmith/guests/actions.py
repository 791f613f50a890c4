"""Carry out one customize step in a running guest."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from goldsmith.errors import GuestError, Mark
from goldsmith.guests import cloudcfg
from goldsmith.guests.family import Packages as PackageCommand
from goldsmith.guests.placing import pieces, put_file, put_folder
from goldsmith.guests.step_errors import told_as
from goldsmith.host.commands import GuestCommands, Ran
from goldsmith.recipe.scripts import script_text
from goldsmith.recipe.secrets import Secret
from goldsmith.recipe.steps import CloudInit, Packages, Run, Services, Step, Upload, Write

STAGING = "/tmp/.goldsmith-step"  # a file of the moment, readable by the build user alone
ENVIRONMENT = "/dev/shm/.goldsmith-env"  # in memory: what is secret in it must not lie on the guest's disk
FRAGMENT = "/etc/cloud/cloud.cfg.d/90-goldsmith.cfg"
CLOUD_CFG = "/etc/cloud/cloud.cfg"

_APT = "apt-get -y -q -o Dpkg::Options::=--force-confold"
_APT_ENV = {"DEBIAN_FRONTEND": "noninteractive", "APT_LISTCHANGES_FRONTEND": "none"}


@dataclass(frozen=True)
class Hand:
    """A way to act in a guest; ``privilege`` goes before each command that needs root."""

    shell: GuestCommands
    privilege: str
    packages: PackageCommand
    on_line: Callable[[str], None]
    reveal: Callable[[str | Secret], str]
    timeout: float  # seconds a step may take

    def root(self, command: str, *, env: Mapping[str, str] | None = None) -> Ran:
        """Run a shell command as root; any exit status is an answer."""
        words = [f"{name}={shlex.quote(value)}" for name, value in (env or {}).items()]
        line = f"{self.privilege}env {' '.join(words)} sh -c {shlex.quote(command)}"
        return self.shell.run(line, on_line=self.on_line, timeout=self.timeout)

    def must(self, command: str, *, env: Mapping[str, str] | None = None, what: str) -> None:
        """Run a shell command as root; raise GuestError with its last lines when it fails."""
        ran = self.root(command, env=env)
        if ran.code:
            raise GuestError(f"{what} ended with exit status {ran.code}", evidence=ran.tail)

    def read(self, path: str) -> str:
        """Return a text file of the guest."""
        kept: list[str] = []
        ran = self.shell.run(
            f"{self.privilege}cat {shlex.quote(path)}", on_line=kept.append, timeout=self.timeout
        )
        if ran.code:
            raise GuestError(f"{path} cannot be read in the guest", evidence=ran.tail)
        return "\n".join(kept) + "\n"

    def place(self, content: bytes, path: str, *, mode: str, owner: str) -> None:
        """Write a file with its final mode and owner; its folder is made when it is missing."""
        self.shell.put_bytes(content, STAGING, mode=0o600)
        install = f"{put_file(STAGING, path, mode=mode, owner=owner)} && rm -f {STAGING}"
        restore = f"; if command -v restorecon >/dev/null; then restorecon {shlex.quote(path)}; fi"
        self.must(install + restore, what=f"writing {path}")


def perform(step: Step, hand: Hand, *, at: Mark | None) -> None:
    """Do one step; raises GuestError with the step's last lines and its place in the recipe."""
    with told_as(step, at):
        _ACTIONS[step.kind](step.action, hand)


def _run(action: Run, hand: Hand) -> None:
    script = script_text(action.file) if action.file else action.script or ""
    if action.interpreter is None and not script.startswith("#!"):
        script = "#!/bin/sh\nset -e\n" + script
    environment = {name: hand.reveal(value) for name, value in action.environment.items()}
    call = f"{action.interpreter or ''} {STAGING}".strip()
    hand.shell.put_bytes(script.encode(), STAGING, mode=0o700)
    # the environment goes by a file, for the command line of a process is public in the guest
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    hand.shell.put_bytes(lines.encode(), ENVIRONMENT, mode=0o600)
    command = f". {ENVIRONMENT}; rm -f {ENVIRONMENT}; {call}; code=$?; rm -f {STAGING}; exit $code"
    line = f"{hand.privilege}sh -c {shlex.quote(command)}"
    ran = hand.shell.run(line, on_line=hand.on_line, timeout=hand.timeout)
    if ran.code not in action.allowed_exit_codes:
        raise GuestError(f"the script ended with exit status {ran.code}", evidence=ran.tail)


def _write(action: Write, hand: Hand) -> None:
    content = action.file.read_bytes() if action.file else hand.reveal(action.content or "").encode()
    hand.place(content, action.path, mode=action.mode, owner=action.owner)


def _upload(action: Upload, hand: Hand) -> None:
    for one in pieces(action):
        if one.is_folder:
            hand.must(put_folder(one), what=f"making {one.path}")
        else:
            hand.place(one.local.read_bytes(), one.path, mode=one.mode, owner=one.owner)


def _packages(action: Packages, hand: Hand) -> None:
    apt = hand.packages is PackageCommand.APT
    command, env = (_APT, _APT_ENV) if apt else (f"{hand.packages} -y", {})
    if apt and (action.install or action.update):
        hand.must("apt-get -q update", env=env, what="apt-get update")
    if action.remove:
        hand.must(f"{command} remove {_words(action.remove)}", env=env, what="removing packages")
    if action.update == "all":
        verb = "dist-upgrade" if apt else "update"
        hand.must(f"{command} {verb}", env=env, what="updating all packages")
    elif action.update:
        verb = "install --only-upgrade" if apt else "update"
        hand.must(f"{command} {verb} {_words(action.update)}", env=env, what="updating packages")
    if action.install:
        hand.must(f"{command} install {_words(action.install)}", env=env, what="installing packages")
        if not apt:  # yum ends with 0 although a package does not exist
            hand.must(
                f"rpm -q --whatprovides {_words(action.install)}", what="looking for the installed packages"
            )


def _services(action: Services, hand: Hand) -> None:
    for verb, legacy, names in (
        ("enable", "on", action.enable),
        ("disable", "off", action.disable),
        ("mask", "off", action.mask),
    ):
        for name in names:
            systemd = f"systemctl {verb} {shlex.quote(name)}"
            service = shlex.quote(name.removesuffix(".service"))
            command = (
                f"if command -v systemctl >/dev/null; then {systemd}; else chkconfig {service} {legacy}; fi"
            )
            hand.must(command, what=f"{verb} {name}")


def _cloud_init(action: CloudInit, hand: Hand) -> None:
    if action.add_module:
        text = hand.read(CLOUD_CFG)
        for module in action.add_module:
            text = cloudcfg.add_module(text, module, path=CLOUD_CFG)
        hand.place(text.encode(), CLOUD_CFG, mode="0644", owner="root:root")
    if fragment := cloudcfg.fragment(action):
        hand.place(fragment.encode(), FRAGMENT, mode="0644", owner="root:root")
    for name, text in action.drop_ins.items():
        hand.place(text.encode(), f"/etc/cloud/cloud.cfg.d/{name}", mode="0644", owner="root:root")


def _words(names: tuple[str, ...]) -> str:
    return " ".join(shlex.quote(name) for name in names)


_ACTIONS: dict[str, Callable[..., None]] = {
    "run": _run,
    "write": _write,
    "upload": _upload,
    "packages": _packages,
    "services": _services,
    "cloud_init": _cloud_init,
}
