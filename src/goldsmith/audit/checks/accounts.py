"""Who can get in: passwords, keys, accounts, and what the build's own account left."""

from goldsmith.audit import cloudconfig
from goldsmith.audit.check import RHEL, Finding, Profile, Severity, bad, check, good, moot, none_of, some
from goldsmith.audit.cloudconfig import Unreadable, merged, switched_off
from goldsmith.audit.facts import Facts

BUILD_USER = "goldsmith"
_LOCKED = frozenset({"!", "*", "!*", "!!"})
_NOBODY = frozenset({"nobody", "nfsnobody"})
_PLACES = ("/home", "/var/spool/cron", "/var/spool/cron/crontabs", "/var/mail", "/var/spool/mail")
_SUDOERS = ("/etc/sudoers", "/etc/sudoers.d/*")


def _rows(facts: Facts, path: str) -> list[list[str]]:
    text = facts.files.text(path) or ""
    return [line.split(":") for line in text.splitlines() if ":" in line and not line.startswith("#")]


def _hash(field: str) -> bool:
    """Whether somebody could log in with this second field of shadow; an empty one needs no password at all."""
    return not field.startswith(("!", "*"))


@check(
    "O-L12",
    "root is locked",
    why="a root password in an image is a password of every guest made from it",
    source="shadow(5), passwd(1) --lock",
    expected="!, *, !* or !!, without a hash behind",
    fix="rootpw --lock in the kickstart, or usermod -p '!!' root in the guest",
    reads=["/etc/shadow"],
)
def root_locked(facts: Facts) -> Finding:
    fields = [row[1] for row in _rows(facts, "/etc/shadow") if row[0] == "root"]
    if len(fields) != 1:
        return bad(f"{len(fields)} lines for root in /etc/shadow")
    allowed = {"!!"} if facts.profile in RHEL else _LOCKED
    if fields[0] in allowed:
        return good(fields[0])
    found = (
        fields[0]
        if fields[0] in _LOCKED
        else "a locked hash"
        if fields[0][:1] in "!*"
        else "a usable password"
    )
    return bad("no password at all" if not fields[0] else found, expected=" or ".join(sorted(allowed)))


@check(
    "O-L13",
    "no accounts of people",
    why="cloud-init makes the user of each guest; any other account is one that nobody will watch",
    source="cloud-init, users and groups; login.defs(5), UID_MIN",
    expected="no account with a user id from UID_MIN up",
    fix="userdel -r NAME as the last customize step, or virt-sysprep --enable user-account",
    reads=["/etc/passwd"],
)
def no_people(facts: Facts) -> Finding:
    least = 500 if facts.profile == Profile.RHEL6 else 1000
    rows = [row for row in _rows(facts, "/etc/passwd") if len(row) > 2 and row[2].isdigit()]
    if not rows:
        return bad("no accounts could be read from /etc/passwd")
    people = [f"{row[0]} ({row[2]})" for row in rows if int(row[2]) >= least and row[0] not in _NOBODY]
    return bad(some(people)) if people else good(f"none of {len(rows)} accounts")


@check(
    "O-L14",
    "no password that could be used",
    why="the hash can be guessed off-line by everybody who may download the image",
    source="shadow(5)",
    expected="no hash in shadow, its backup, or passwd",
    fix="passwd -l NAME; virt-sysprep --operations passwd-backups -a IMAGE",
    reads=["/etc/shadow", "/etc/shadow-", "/etc/passwd"],
)
def no_hashes(facts: Facts) -> Finding:
    if not (rows := _rows(facts, "/etc/shadow")):
        return bad("no /etc/shadow with accounts")
    hits = [row[0] for row in rows if row[0] != "root" and _hash(row[1])]
    hits += [f"{row[0]} in /etc/shadow-" for row in _rows(facts, "/etc/shadow-") if "$" in row[1]]
    hits += [
        f"{row[0]} in /etc/passwd" for row in _rows(facts, "/etc/passwd") if row[1] != "x" and _hash(row[1])
    ]
    return bad(some(hits)) if hits else good("none")


@check(
    "O-L15",
    "no SSH keys of people",
    why="who holds the key can enter every guest made from the image",
    source="virt-sysprep(1), ssh-userdir",
    expected="no .ssh folder, no authorized_keys",
    fix="virt-sysprep --operations ssh-userdir -a IMAGE",
    sees=["/root/.ssh", "/home/*/.ssh", "/root/**", "/home/*/.ssh/*", "/etc/ssh/**"],
)
def no_keys(facts: Facts) -> Finding:
    keys = [
        path
        for pattern in ("/root/**", "/etc/ssh/**")
        for path in facts.files.match(pattern)
        if path.rpartition("/")[2].startswith("authorized_keys") and not path.startswith("/root/.ssh/")
    ]
    return bad(some(keys)) if keys else none_of(facts, "/root/.ssh", "/home/*/.ssh")


@check(
    "O-L17",
    "SSH takes no passwords",
    why="guests in a cloud are tried for weak passwords within minutes of their start",
    source="sshd_config(5), PasswordAuthentication",
    expected="PasswordAuthentication no, there or by cloud-init (ssh_pwauth)",
    fix="a customize step that writes PasswordAuthentication no to /etc/ssh/sshd_config",
    severity=Severity.WARNING,
    reads=[
        "/etc/ssh/sshd_config",
        "/etc/ssh/sshd_config.d/*.conf",
        *cloudconfig.FILES,
    ],
)
def no_ssh_passwords(facts: Facts) -> Finding:
    if (main := facts.files.text("/etc/ssh/sshd_config")) is None:
        return moot("the guest has no SSH server")
    drop_ins = [facts.files.text(path) or "" for path in facts.files.match("/etc/ssh/sshd_config.d/*.conf")]
    included = drop_ins if "sshd_config.d" in main else []
    found = _first_setting([*included, main])
    if found.lower().endswith("no"):
        return good(found)
    try:
        setting = merged(facts.files).get("ssh_pwauth")
    except Unreadable as error:
        return bad(str(error))
    if setting is not None and switched_off(setting):
        return good(f"{found or 'no setting'}; cloud-init writes no, by ssh_pwauth: {setting}")
    return bad(found or "no setting, so yes")


def _first_setting(texts: list[str]) -> str:
    """Return the line that sshd goes by: the first, before any Match."""
    for line in "\n".join(texts).splitlines():
        words = line.replace("=", " ").split()
        if len(words) > 1 and words[0].lower() == "match":
            break
        if len(words) > 1 and words[0].lower() == "passwordauthentication":
            return " ".join(words[:2])
    return ""


@check(
    "O-G1",
    "the account of the build is gone",
    why="Goldsmith enters the guest by an account of its own; what is left of it is a way in for others",
    source="goldsmith, customize",
    expected="no user, group, home or sudo rule named goldsmith",
    fix="userdel -r goldsmith; rm -f /etc/sudoers.d/90-cloud-init-users; then sysprep and export again",
    reads=["/etc/passwd", "/etc/shadow", "/etc/group", *_SUDOERS],
    sees=[f"{place}/*" for place in _PLACES],
)
def no_build_user(facts: Facts) -> Finding:
    lists = ("/etc/passwd", "/etc/shadow", "/etc/group")
    hits = [path for path in lists if any(row[0] == BUILD_USER for row in _rows(facts, path))]
    for path in (path for pattern in _SUDOERS for path in facts.files.match(pattern)):
        lines = (facts.files.text(path) or "").splitlines()
        hits += [path] * any(BUILD_USER in line.split("#")[0].split() for line in lines)
    hits += [path for place in _PLACES for path in facts.files.match(f"{place}/{BUILD_USER}")]
    return bad(some(hits)) if hits else good("none")


CHECKS = (root_locked, no_people, no_hashes, no_keys, no_ssh_passwords, no_build_user)
