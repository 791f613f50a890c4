"""Who gets into a new guest, and who does not."""

from collections.abc import Mapping

from goldsmith.audit.check import Finding, bad, good, moot, some
from goldsmith.boottest.check import boot_check
from goldsmith.boottest.facts import Boot, Ssh, Trial

_WITH_A_PASSWORD = ("password", "keyboard-interactive", "none")
_NO_SSHD = "no sshd answered"


@boot_check(
    "B-L1",
    "a login prompt on the serial console",
    why="a cloud shows this console alone; without it nobody sees why a guest does not come up",
    source="Nova, console log; systemd-getty-generator(8)",
    expected="login: on ttyS0",
    fix="kernel argument console=ttyS0,115200n8 as the last console=, in GRUB and its defaults; a getty on ttyS0",
)
def prompt(trial: Trial) -> Finding:
    heard = trial.first.heard
    if heard.prompt:
        return good(f"login: on ttyS0; let in {trial.first.seconds:.0f} s after power-on")
    return bad(
        "the kernel speaks there, but no getty" if heard.kernel else "nothing of the kernel, and no prompt"
    )


@boot_check(
    "B-L2",
    "the cloud's key lets the promised user in",
    why="without the key nobody can use the guest, for passwords are off",
    source="cloud-init, cc_ssh and default_user; os_admin_user of the image",
    expected="a login by the key of the config drive",
    fix="see cloud-init's lines on the console; is ConfigDrive in datasource_list, and default_user as promised?",
)
def key(trial: Trial) -> Finding:
    wanted, ssh = trial.hardware.user, trial.first.ssh
    if ssh is None:
        return bad(_NO_SSHD)
    if not ssh.user:
        told = (
            f"; cloud-init gave the key to {some(trial.first.heard.users)}" if trial.first.heard.users else ""
        )
        return bad(f"refused for {wanted or 'every user that is known'}{told}")
    if wanted and ssh.user != wanted:
        return bad(f"it lets {ssh.user} in", expected=f"{wanted}, as os_admin_user or the system promises")
    return good(f"{ssh.user} is let in")


@boot_check(
    "B-L3",
    "that user may become root without a password",
    why="he has no password that sudo could ask for, and root lets nobody in",
    source="cloud-init, system_info.default_user.sudo",
    expected="sudo -n works",
    fix='sudo: ["ALL=(ALL) NOPASSWD:ALL"] in default_user, and sudo in the image',
)
def sudo(trial: Trial) -> Finding:
    if trial.first.ssh is None or not trial.first.ssh.user:
        return moot("nobody was let in")
    answer = trial.first.ssh.sudo
    if "tty" in answer:
        return moot(f"sudo wants a terminal (requiretty), which this test has not: {answer}")
    return good("sudo -n works") if answer == "0" else bad(answer or "no answer")


@boot_check(
    "B-L4",
    "root is refused by SSH",
    why="root is the one name that every attacker knows",
    source="cloud-init, disable_root; sshd_config(5)",
    expected="no shell for root, with the same key too",
    fix="disable_root: true in cloud.cfg, or PermitRootLogin no in sshd_config",
)
def root(trial: Trial) -> Finding:
    if trial.first.ssh is None:
        return moot(_NO_SSHD)
    answer = trial.first.ssh.root
    if answer == "0":
        return bad("the key gives root a shell")
    return good(f"the key gives no shell: {answer}" if answer else "refused")


@boot_check(
    "B-L5",
    "passwords are refused by SSH",
    why="machines on a public address are tried with passwords within minutes",
    source="sshd_config(5), PasswordAuthentication; cloud-init, ssh_pwauth",
    expected="publickey, and nothing that takes a password",
    fix="PasswordAuthentication no and ChallengeResponseAuthentication no in sshd_config; ssh_pwauth: false",
)
def passwords(trial: Trial) -> Finding:
    if trial.first.ssh is None or not trial.first.ssh.methods:
        return moot(_NO_SSHD)
    offered = {user: _risky(trial.first.ssh, user) for user in trial.first.ssh.methods}
    if any(offered.values()):
        return bad(
            "; ".join(f"{user} may try {', '.join(methods)}" for user, methods in offered.items() if methods)
        )
    return good(_told(trial.first.ssh.methods))


@boot_check(
    "B-L6",
    "SSH shows the guest's own host key",
    why="a key that the guest does not know of is that of another machine, or one that came with the image",
    source="cloud-init, cc_keys_to_console",
    expected="the key is among those that the guest tells on its console or from within",
    fix="ssh_deletekeys: true in cloud.cfg, and no key from elsewhere in sshd_config's HostKey",
)
def host_key(trial: Trial) -> Finding:
    first = trial.first
    if first.ssh is None:
        return moot(_NO_SSHD)
    known = {where: keys for where, keys in _known_keys(first).items() if keys}
    if not known:
        return moot("neither the console nor the guest tells its keys")
    strangers = [where for where, keys in known.items() if first.ssh.host_key not in keys]
    kind = first.ssh.host_key.split()[0]
    if strangers:
        return bad(f"the {kind} key that SSH shows is not known to {some(strangers)}")
    return good(f"its {kind} key, as {some(list(known))} tells")


def _known_keys(boot: Boot) -> Mapping[str, frozenset[str]]:
    inside = boot.host_keys if boot.seen else frozenset()
    return {"the console": frozenset(boot.heard.keys), "the guest": inside}


def _risky(ssh: Ssh, user: str) -> list[str]:
    return [method for method in ssh.methods[user] if method in _WITH_A_PASSWORD]


def _told(methods: Mapping[str, object]) -> str:
    return (
        f"neither {' nor '.join(methods)} may try a password"
        if len(methods) > 1
        else "no password may be tried"
    )


ACCESS = (prompt, key, sudo, root, passwords, host_key)
