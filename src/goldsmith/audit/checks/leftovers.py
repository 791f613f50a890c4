"""What an installation leaves behind: answer files, logs, histories, caches."""

from goldsmith.audit.check import Severity, absent

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
_CACHES = (
    "/var/cache/yum/**",
    "/var/cache/dnf/**",
    "/var/cache/apt/archives/*.deb",
    "/var/lib/yum/uuid",
    "/var/lib/rpm/__db.*",
)

no_installer = absent(
    "O-L31",
    "no answer files and marks of the installer",
    *_INSTALLER,
    why="the answer file holds password hashes, keys and addresses of the build",
    source="virt-sysprep(1), logfiles; Anaconda, original-ks.cfg",
    expected="none of them",
    fix="rm -f /root/anaconda-ks.cfg /root/original-ks.cfg /etc/goldsmith-install-ok in sysprep; inst.nosave=all",
)
no_logs = absent(
    "O-L32",
    "logs are empty",
    "/var/log/**",
    why="they tell of the build's machines and people, and hide when the guest's own life began",
    source="virt-sysprep(1), logfiles",
    expected="no log with content",
    fix="virt-sysprep --operations logfiles,utmp -a IMAGE",
    severity=Severity.WARNING,
    empty_is_good=True,
)
no_history = absent(
    "O-L33",
    "no command history",
    *_HISTORIES,
    why="histories hold what was typed in the build, passwords included",
    source="virt-sysprep(1), bash-history",
    expected="no history with content",
    fix="virt-sysprep --operations bash-history -a IMAGE",
    empty_is_good=True,
)
no_caches = absent(
    "O-L34",
    "package caches are empty",
    *_CACHES,
    why="they cost space in every clone; the UUID of yum counts all clones as one machine",
    source="virt-sysprep(1), package-manager-cache, yum-uuid, rpm-db",
    expected="no cache with content",
    fix="yum clean all (apt-get clean) in the guest; virt-sysprep --operations package-manager-cache,yum-uuid,rpm-db",
    severity=Severity.WARNING,
    empty_is_good=True,
)
no_temporary = absent(
    "O-G2",
    "nothing temporary is left",
    *_TEMPORARY,
    why="scripts and downloads of the build stay readable in every guest",
    source="virt-sysprep(1), tmp-files",
    expected="/tmp and /var/tmp empty",
    fix="virt-sysprep --operations tmp-files -a IMAGE",
    severity=Severity.WARNING,
)

CHECKS = (no_installer, no_logs, no_history, no_caches, no_temporary)
