"""The network of the guest: eth0 by DHCP on whatever card a cloud gives it."""

from goldsmith.audit.bootmenu import FILES, read_menu, shell_values
from goldsmith.audit.check import (
    RHEL,
    Check,
    Finding,
    Profile,
    absent,
    bad,
    check,
    good,
    some,
)
from goldsmith.audit.facts import Facts
from goldsmith.audit.tree import Kind

_SCRIPTS = "/etc/sysconfig/network-scripts"
_ETH0 = f"{_SCRIPTS}/ifcfg-eth0"
_KEYFILES = "/etc/NetworkManager/system-connections/*"
_NETWORK = "/etc/sysconfig/network"
_GENERATOR = "/etc/udev/rules.d/75-persistent-net-generator.rules"
_SLOTS = "/etc/udev/rules.d/80-net-name-slot.rules"
_FIVE = {"TYPE": "Ethernet", "DEVICE": "eth0", "ONBOOT": "yes", "BOOTPROTO": "dhcp", "NM_CONTROLLED": "no"}
_OLD = frozenset({Profile.RHEL6, Profile.RHEL7})  # with network scripts


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _five_lines(facts: Facts) -> Finding:
    if (text := facts.files.text(_ETH0)) is None:
        return bad("absent")
    values, lines = shell_values(text), _lines(text)
    pairs = [(line, line.partition("=")[0]) for line in lines]
    wrong = [line for line, name in pairs if name not in _FIVE or shell_values(line).get(name) != _FIVE[name]]
    missing = [f"no {name}" for name in _FIVE if name not in values]
    if wrong or missing:
        return bad(some([*wrong, *missing]))
    return good("the five lines") if len(lines) == len(_FIVE) else bad(f"{len(lines)} lines, some twice")


def _eth0(ident: str, profile: Profile) -> Check:
    return check(
        ident,
        "eth0 comes up by DHCP, with nothing of the build's card",
        why="a line with the MAC address or UUID of the build leaves every clone without a network",
        source="vendor manual, network settings of the image; ifcfg files of initscripts",
        expected=" ".join(f"{name}={value}" for name, value in _FIVE.items()) + " and nothing else",
        fix=f"write {_ETH0} anew with these five lines, in %post of the kickstart",
        profiles=frozenset({profile}),
        reads=[_ETH0],
    )(_five_lines)


@check(
    "O-L2",
    "no other interface of the build is configured",
    why="a configuration with another name, MAC address or UUID waits for a card that no clone has",
    source="ifcfg files of initscripts; nm-settings-keyfile(5)",
    expected="no ifcfg but lo and eth0, none with HWADDR or UUID, no keyfile with a MAC address",
    fix="rm the other ifcfg files; virt-sysprep --operations net-hwaddr,net-nmconn; drop UUID= lines in %post",
    profiles=RHEL,
    reads=[f"{_SCRIPTS}/ifcfg-*", _KEYFILES],
)
def no_other_interface(facts: Facts) -> Finding:
    hits = []
    for path in facts.files.match(f"{_SCRIPTS}/ifcfg-*"):
        name = path.rpartition("/ifcfg-")[2]
        tied = {"HWADDR", "MACADDR", "UUID"} & shell_values(facts.files.text(path) or "").keys()
        if tied:
            hits.append(f"{some(sorted(tied))} in {path}")
        elif facts.profile in _OLD and name not in ("lo", "eth0"):
            hits.append(path)
    hits += [
        f"mac-address in {path}"
        for path in facts.files.match(_KEYFILES)
        if any(line.startswith("mac-address=") for line in _lines(facts.files.text(path) or ""))
    ]
    return bad(some(hits)) if hits else good("none")


@check(
    "O-L3",
    "no zeroconf route",
    why="the route 169.254.0.0/16 hides the metadata service at 169.254.169.254",
    source="vendor manual; OpenStack Virtual Machine Image Guide, disable the zeroconf route",
    expected="NOZEROCONF=yes, once",
    fix=f"echo NOZEROCONF=yes >> {_NETWORK}",
    profiles=_OLD,
    reads=[_NETWORK],
)
def no_zeroconf(facts: Facts) -> Finding:
    lines = [line for line in _lines(facts.files.text(_NETWORK) or "") if line.startswith("NOZEROCONF=")]
    right = len(lines) == 1 and shell_values(lines[0])["NOZEROCONF"] == "yes"
    return good(lines[0]) if right else bad(some(lines) or "no NOZEROCONF")


no_net_rules = absent(
    "O-L4",
    "no network names tied to this machine",
    "/etc/udev/rules.d/70-persistent-net.rules",
    why="the rule names eth0 by the MAC address of the build; every clone would get eth1",
    source="virt-sysprep(1), udev-persistent-net",
    expected="no 70-persistent-net.rules",
    fix="virt-sysprep --operations udev-persistent-net -a IMAGE",
)


@check(
    "O-L5",
    "no generator of network names",
    why="it would write the rules of O-L4 again at the first start, and a clone of that guest would have no eth0",
    source="vendor manual; udev, 75-persistent-net-generator.rules",
    expected="the file, with nothing but comments in it",
    fix=f"echo '#' > {_GENERATOR}",
    profiles=frozenset({Profile.RHEL6}),
    reads=[_GENERATOR],
)
def no_generator(facts: Facts) -> Finding:
    entry = facts.files.entries.get(_GENERATOR)
    if entry is None:
        return bad("absent, so that the one of udev is used")
    if entry.kind == Kind.LINK and entry.target == "/dev/null":
        return good("a link to /dev/null")
    rules = _lines(facts.files.text(_GENERATOR) or "")
    return bad(some(rules)) if rules else good("no rules")


@check(
    "O-L6",
    "the network card is called eth0",
    why="ifcfg-eth0 is for nothing where the kernel calls the card ens3 or enp1s0",
    source="systemd.net-naming-scheme(7); udev, 80-net-name-slot.rules",
    expected="net.ifnames=0 in every entry of the boot menu, or 80-net-name-slot.rules linked to /dev/null",
    fix=f"ln -sf /dev/null {_SLOTS}; bootloader --append='net.ifnames=0 biosdevname=0' in the kickstart",
    profiles=frozenset({Profile.RHEL7}),
    reads=FILES,
    sees=[_SLOTS],
)
def named_eth0(facts: Facts) -> Finding:
    entry = facts.files.entries.get(_SLOTS)
    if entry and entry.kind == Kind.LINK and entry.target == "/dev/null":
        return good(f"{_SLOTS} is a link to /dev/null")
    menu = read_menu(facts.files)
    items = menu.normal if menu else []
    without = [item.title for item in items if "net.ifnames=0" not in item.args]
    if without or not items:
        return bad(f"no net.ifnames=0 in {some(without) or 'a boot menu'}")
    return good(f"net.ifnames=0 in {len(items)} entries")


CHECKS = (
    _eth0("O-L1", Profile.RHEL7),
    _eth0("O-L1b", Profile.RHEL6),
    no_other_interface,
    no_zeroconf,
    no_net_rules,
    no_generator,
    named_eth0,
)
