"""What the guest stands on: its root file system, fstab, SELinux, the target it starts."""

from goldsmith.audit.bootmenu import shell_values
from goldsmith.audit.check import LINUX, RHEL, Finding, Profile, Severity, bad, check, good, moot, some
from goldsmith.audit.facts import Facts, FileSystem

_UNSTABLE = ("/dev/sd", "/dev/vd", "/dev/hd", "/dev/xvd", "/dev/nvme")
_FOREIGN = frozenset({"iso9660", "udf", "nfs", "nfs4", "cifs", "smbfs"})
_LABELLED = (
    "/etc/shadow",
    "/etc/passwd",
    "/etc/cloud/cloud.cfg",
    "/etc/ssh/sshd_config",
    "/etc/sysconfig/network-scripts/ifcfg-eth0",
    "/etc/default/grub",
)
_UNLABELLED = frozenset({"unlabeled_t", "file_t", "default_t", "root_t"})
# What the tools of a newer host switch on and the kernel of the guest cannot mount for writing.
_TOO_NEW = {
    Profile.RHEL6: {"metadata_csum", "metadata_csum_seed", "64bit", "orphan_file", "inline_data", "encrypt"},
    Profile.RHEL7: {
        "reflink",
        "rmapbt",
        "bigtime",
        "inobtcnt",
        "nrext64",
        "metadata_csum_seed",
        "orphan_file",
    },
}
_ROOT_KIND = {Profile.RHEL6: "ext4", Profile.RHEL7: "xfs"}


@check(
    "O-L37",
    "SELinux enforces",
    why="a guest that was built permissive, or that relabels at its first start, is not what was tested",
    source="selinux(8)",
    expected="SELINUX=enforcing, no /.autorelabel",
    fix="selinux --enforcing in the kickstart; virt-customize --selinux-relabel -a IMAGE",
    profiles=RHEL,
    reads=["/etc/selinux/config"],
    sees=["/.autorelabel"],
)
def selinux(facts: Facts) -> Finding:
    if facts.files.match("/.autorelabel"):
        return bad("/.autorelabel")
    mode = shell_values(facts.files.text("/etc/selinux/config") or "").get("SELINUX", "no setting")
    return good(mode) if mode == "enforcing" else bad(mode)


def _matches(spec: str, system: FileSystem) -> bool:
    key, _, value = spec.partition("=")
    known = {
        "UUID": system.uuid.lower(),
        "LABEL": system.label,
        "PARTUUID": system.part_uuid.lower(),
        "PARTLABEL": system.part_label,
    }
    value = value.strip('"')
    return bool(value) and known.get(key) == (value.lower() if "UUID" in key else value)


@check(
    "O-L39",
    "fstab names file systems that exist, by UUID or label",
    why="device names change with the bus; a missing file system stops the boot in emergency mode",
    source="fstab(5)",
    expected="root by the UUID or LABEL it has, no device names, no media, no network shares",
    fix="name file systems by UUID in /etc/fstab and remove lines of the build",
    reads=["/etc/fstab"],
)
def fstab(facts: Facts) -> Finding:
    rows = [line.split() for line in (facts.files.text("/etc/fstab") or "").splitlines()]
    rows = [row for row in rows if len(row) >= 3 and not row[0].startswith("#")]
    roots = [row[0] for row in rows if row[1] == "/"]
    if not roots:
        return bad("no line for /")
    own = [one for one in facts.look.filesystems if one.device == facts.system.root]
    if "=" in roots[0] and not any(_matches(roots[0], one) for one in own):
        return bad(f"{roots[0]} for /, which has {some([f'UUID={one.uuid}' for one in own]) or 'no UUID'}")
    wrong = [row[0] for row in rows if row[0].startswith(_UNSTABLE) or row[2] in _FOREIGN]
    wrong += [
        row[0]
        for row in rows
        if row[0].startswith(("UUID=", "LABEL=", "PARTUUID=", "PARTLABEL="))
        and not any(_matches(row[0], one) for one in facts.look.filesystems)
    ]
    return bad(some(wrong)) if wrong else good(roots[0])


@check(
    "O-L38",
    "files carry SELinux labels",
    why="a file written from outside has none; sshd and cloud-init may then not read it, and nobody can log in",
    source="selinux(8), restorecon(8)",
    expected="a type of its own for each, shadow_t for /etc/shadow",
    fix="restorecon -R /etc /boot /root /var at the end of %post; virt-customize --selinux-relabel -a IMAGE",
    severity=Severity.WARNING,
    profiles=RHEL,
    sees=_LABELLED,
    labels=_LABELLED,
)
def labels(facts: Facts) -> Finding:
    files = facts.files.entries
    known = {path: label for path, label in facts.look.labels.items() if path in files}
    if not known:
        return bad("none of the files looked for is there")
    types = {path: [*label.split(":"), "", "", ""][2] for path, label in known.items()}
    wrong = [
        f"{path} {kind or 'without a label'}"
        for path, kind in sorted(types.items())
        if not kind or kind in _UNLABELLED or (path == "/etc/shadow" and kind != "shadow_t")
    ]
    return (
        bad(some(wrong)) if wrong else good(some([f"{path} {kind}" for path, kind in sorted(types.items())]))
    )


@check(
    "O-L48",
    "the guest's own kernel can use its root file system",
    why="made or changed by newer tools it has features that an older kernel mounts read-only or not at all",
    source="ext4(5), file system features; xfs(5)",
    expected="the file system of the family, without features of newer kernels",
    fix="let the installer of the guest make its file systems; never mkfs, tune2fs or resize them from the host",
    severity=Severity.WARNING,
    profiles=frozenset(_TOO_NEW),
)
def root_kind(facts: Facts) -> Finding:
    own = next((one for one in facts.look.filesystems if one.device == facts.system.root), None)
    profile = Profile(facts.profile)
    if own is None:
        return moot(f"{facts.system.root} is not listed among the file systems")
    if own.kind != _ROOT_KIND[profile]:
        return bad(own.kind, expected=_ROOT_KIND[profile])
    if own.features is None:
        return bad(f"the features of this {own.kind} could not be read")
    hits = sorted(own.features & _TOO_NEW[profile])
    return bad(f"{own.kind} with {some(hits)}") if hits else good(own.kind)


@check(
    "O-L47",
    "it starts without a graphical desktop",
    why="a cloud guest has nobody to look at it, and a display manager waits for a screen",
    source="systemd.special(7)",
    expected="multi-user.target, or graphical.target without a display manager",
    fix="systemctl set-default multi-user.target",
    severity=Severity.WARNING,
    profiles=LINUX - {Profile.RHEL6},
    sees=["/etc/systemd/system/default.target", "/etc/systemd/system/display-manager.service"],
)
def no_desktop(facts: Facts) -> Finding:
    entry = facts.files.entries.get("/etc/systemd/system/default.target")
    target = entry.target.rpartition("/")[2] if entry and entry.target else "the default of systemd"
    manager = facts.files.match("/etc/systemd/system/display-manager.service")
    strict = facts.profile in RHEL and target != "multi-user.target"
    return bad(target) if strict or (manager and target != "multi-user.target") else good(target)


CHECKS = (selinux, labels, fstab, root_kind, no_desktop)
