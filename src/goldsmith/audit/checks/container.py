"""The container and what lies in it: format, size, partitions, file systems."""

from collections.abc import Sequence

from goldsmith.audit.check import ALL, LINUX, Finding, Profile, Severity, bad, check, good, moot, some
from goldsmith.audit.facts import Facts, Hit

MIB = 1 << 20


@check(
    "O-C1",
    "the format is the declared one",
    why="Nova compares content and disk_format and refuses an image where they differ",
    source="OpenStack Nova, virt/images.py",
    expected="the declared format",
    fix="export the image in the format that the catalog entry declares",
    profiles=ALL,
)
def declared_format(facts: Facts) -> Finding:
    declared, real = facts.expected.format, facts.container.format
    if facts.container.problems:
        return bad(f"{real}, and refused by its header", expected=declared or "")
    if declared is None:
        return good(f"{real}, by its content")
    return good(real) if real == declared else bad(real, expected=declared)


@check(
    "O-C2",
    "nothing outside of the file belongs to it",
    why="a backing or data file makes a cloud read other files of its own, snapshots and encryption hide content",
    source="OpenStack Nova, virt/images.py; oslo.utils format_inspector",
    expected="no backing file, snapshots, data file, encryption",
    fix="where you trust all its files, make one of them: qemu-img convert -O qcow2 IMAGE NEW",
    profiles=ALL,
)
def alone(facts: Facts) -> Finding:
    extras = [*facts.container.dangers, *facts.container.extras]
    if facts.container.damage and not extras:
        return bad("nobody can tell: it is damaged")
    return bad(some(extras)) if extras else good("none")


@check(
    "O-C3",
    "the container is sound",
    why="leaked or corrupt clusters become read errors in a guest",
    source="qemu-img(1), check",
    expected="no corruption, no leaks",
    fix="qemu-img convert -O qcow2 IMAGE NEW",
    profiles=ALL,
)
def sound(facts: Facts) -> Finding:
    faults = facts.container.damage or facts.container.faults
    if facts.container.dangers:
        return bad(some([*facts.container.damage, "not checked: no program may open it"]))
    if faults is None:
        return moot(f"the format {facts.container.format} has no check")
    return bad(some(faults)) if faults else good("no errors")


@check(
    "O-C4",
    "every QEMU can read it",
    why="zstd compression needs QEMU 5.1, and compat 0.10 lacks zero clusters",
    source="qemu docs/interop/qcow2.txt",
    expected="compat 1.1, zlib",
    fix="qemu-img convert -c -O qcow2 -o compat=1.1,compression_type=zlib IMAGE NEW",
    severity=Severity.WARNING,
    profiles=ALL,
)
def readable_everywhere(facts: Facts) -> Finding:
    image = facts.opened
    if image.format != "qcow2":
        return moot(f"not for {image.format}")
    found = f"compat {image.compat}, {image.compression or 'zlib'}"
    return good(found) if found == "compat 1.1, zlib" else bad(found)


@check(
    "O-C5",
    "the virtual size is whole and as promised",
    why="a flavour whose disk is smaller than the virtual size cannot start the image",
    source="OpenStack Image API v2, min_disk",
    expected="whole MiB",
    fix="qemu-img resize IMAGE SIZE, after the partitions fit",
    profiles=ALL,
)
def virtual_size(facts: Facts) -> Finding:
    size, most = facts.opened.virtual_size, facts.expected.virtual_size
    found = f"{size / MIB:g} MiB"
    if size % MIB:
        return bad(f"{size} bytes")
    if most is not None and size > most:
        return bad(found, expected=f"at most {most / MIB:g} MiB")
    return good(found)


@check(
    "O-C6",
    "free space is not stored",
    why="blocks of deleted files cost transfer time and may hold secrets",
    source="virt-sparsify(1)",
    expected="at most 60 % of the virtual size",
    fix="virt-sparsify --in-place IMAGE, then qemu-img convert",
    severity=Severity.WARNING,
    profiles=ALL,
)
def sparse(facts: Facts) -> Finding:
    share = facts.opened.actual_size / max(1, facts.opened.virtual_size)
    found = f"{share:.0%} of the virtual size"
    return good(found) if share <= 0.6 else bad(found)


@check(
    "O-C7",
    "it holds exactly the system it should",
    why="two systems, none, or another one than the recipe says cannot be what was built",
    source="libguestfs inspection",
    expected="exactly one operating system",
    fix="look at virt-inspector -a IMAGE; was it the right medium?",
    profiles=ALL,
)
def one_system(facts: Facts) -> Finding:
    systems = facts.look.systems
    if len(systems) != 1:
        return bad(some([str(system) for system in systems]) or "no operating system")
    system, expected = systems[0], facts.expected
    windows = (system.kind == "windows") != (facts.profile == Profile.WINDOWS)
    clone = system.distro == "redhat-based"  # what an older libguestfs calls those it does not know by name
    other = (expected.distro is not None and system.distro != expected.distro and not clone) or (
        expected.major is not None and system.major != expected.major
    )
    if windows:
        return bad(system.kind, expected=f"a guest for profile {facts.profile}")
    found = f"{system} ({system.distro} {system.major}.{system.minor})"
    wanted = " ".join(str(part) for part in (expected.distro, expected.major) if part is not None)
    return bad(found, expected=wanted) if other else good(found)


@check(
    "O-C8",
    "the root partition is the last one",
    why="only the last partition can grow when a cloud gives the guest a larger disk",
    source="cloud-init growpart; growpart(1)",
    expected="the root file system on the last partition, no LVM",
    fix="order the partitions in the kickstart so that / comes last, without swap or LVM behind it",
    profiles=LINUX,
)
def root_is_last(facts: Facts) -> Finding:
    root, parts = facts.system.root, facts.look.partitions
    if not parts:
        return good(f"{root} without a partition table")
    own = next((part for part in parts if part.device == root), None)
    if own is None:
        return bad(f"{root} is no partition")
    behind = [part.device for part in parts if part.start > own.start]
    return bad(f"{some(behind)} behind {root}") if behind else good(root)


@check(
    "O-C9",
    "all file systems are clean",
    why="a guest that was cut off hard needs repair at its first start, or does not start",
    source="e2fsck(8), xfs_repair(8), fsck.fat(8)",
    expected="no errors, no journal to replay",
    fix="let the guest shut down by itself, then run sysprep again",
    profiles=ALL,
)
def clean(facts: Facts) -> Finding:
    checked = [one for one in facts.look.filesystems if one.faults is not None]
    broken = [f"{one.device} ({one.kind}): {some(one.faults)}" for one in checked if one.faults]
    if not checked:
        return moot("no file system of a kind that can be checked")
    return bad(some(broken)) if broken else good(", ".join(f"{one.device} ({one.kind})" for one in checked))


@check(
    "O-S1",
    "no secret of the build is in the image",
    why="deleted files stay in free blocks, and everybody who may use the image may read them",
    source="goldsmith: search of all bytes",
    expected="no secret as plain text, UTF-16 or base64",
    fix="keep the secret off the guest's disk (virt-customize --scrub), build again, and change the secret",
    profiles=ALL,
)
def no_secrets(facts: Facts) -> Finding:
    search = facts.search
    if search is None:
        return moot("no secrets were given to look for")
    alike: dict[tuple[int, str], list[Hit]] = {}
    for hit in search.hits:
        alike.setdefault((hit.secret, hit.encoding), []).append(hit)
    hits = [f"secret {number} as {encoding}{_places(found)}" for (number, encoding), found in alike.items()]
    short = f"; {search.short} too short to be told from chance" if search.short else ""
    found = f"{search.sought} secrets looked for, none found" if search.sought else "none looked for"
    return bad(some(hits) + short) if hits else good(found + short)


def _places(hits: Sequence[Hit]) -> str:
    """Say where the first of these hits is, and in which of the other files there is one as well."""
    first, *others = hits
    where = f" at byte {first.offset}" + (f" of {first.file}" if first.file else "")
    return where + (f" (also in {', '.join(hit.file for hit in others)})" if others else "")


CHECKS = (
    declared_format,
    alone,
    sound,
    readable_everywhere,
    virtual_size,
    sparse,
    one_system,
    root_is_last,
    clean,
    no_secrets,
)
