"""What an installation leaves behind: answer files, logs, histories, caches."""

from goldsmith.audit.check import Finding, Severity, check, none_filled, none_of
from goldsmith.audit.facts import Facts

_INSTALLER = (
    "/root/anaconda-ks.cfg",
    "/root/original-ks.cfg",
    "/root/initial-setup-ks.cfg",
    "/root/ks-*.log",
    "/root/install.log*",
    "/root/anaconda-post.log",
    "/tmp/ks-script-*",
    "/var/tmp/ks-script-*",
    "/etc/goldsmith-install-ok",
    "/var/log/anaconda/*",
    "/var/log/installer/*",
)
_HISTORIES = (
    "/root/.*_history",
    "/home/*/.*_history",
    "/root/.lesshst",
    "/root/.viminfo",
    "/root/.wget-hsts",
)
_TEMPORARY = ("/tmp/*", "/tmp/.*", "/var/tmp/*")


@check(
    "O-L31",
    "no answer files and marks of the installer",
    why="the answer file holds password hashes, keys and addresses of the build",
    source="virt-sysprep(1), logfiles; Anaconda, original-ks.cfg",
    expected="none of them",
    fix="rm -f /root/anaconda-ks.cfg /root/original-ks.cfg /etc/goldsmith-install-ok in sysprep; inst.nosave=all",
    sees=_INSTALLER,
)
def no_installer(facts: Facts) -> Finding:
    return none_of(facts, *_INSTALLER)


@check(
    "O-L32",
    "logs are empty",
    why="they tell of the build's machines and people, and hide when the guest's own life began",
    source="virt-sysprep(1), logfiles",
    expected="no log with content",
    fix="virt-sysprep --operations logfiles,utmp -a IMAGE",
    severity=Severity.WARNING,
    sees=["/var/log/**"],
)
def no_logs(facts: Facts) -> Finding:
    return none_filled(facts, "/var/log/**")


@check(
    "O-L33",
    "no command history",
    why="histories hold what was typed in the build, passwords included",
    source="virt-sysprep(1), bash-history",
    expected="no history with content",
    fix="virt-sysprep --operations bash-history -a IMAGE",
    sees=_HISTORIES,
)
def no_history(facts: Facts) -> Finding:
    return none_filled(facts, *_HISTORIES)


@check(
    "O-G2",
    "nothing temporary is left",
    why="scripts and downloads of the build stay readable in every guest",
    source="virt-sysprep(1), tmp-files",
    expected="/tmp and /var/tmp empty",
    fix="virt-sysprep --operations tmp-files -a IMAGE",
    severity=Severity.WARNING,
    sees=_TEMPORARY,
)
def no_temporary(facts: Facts) -> Finding:
    return none_of(facts, *_TEMPORARY)


CHECKS = (no_installer, no_logs, no_history, no_temporary)
