"""What each instance of an image makes for itself, and no two share."""

from goldsmith.audit.check import Finding, Profile, Severity, bad, good, moot, some
from goldsmith.boottest.check import boot_check
from goldsmith.boottest.facts import Trial

_UNSET = ("", "uninitialized")
_WINDOWS = frozenset({Profile.WINDOWS})


@boot_check(
    "B-L18",
    "the machine id is set",
    why="DHCP, D-Bus and the journal name the machine by it",
    source="machine-id(5)",
    expected="32 hexadecimal digits",
    fix="an empty /etc/machine-id in the image, so that systemd fills it; dbus-uuidgen --ensure on RHEL 6",
)
def machine_id(trial: Trial) -> Finding:
    found = trial.first.word("machine-id")
    if found in _UNSET and trial.hardware.profile is Profile.RHEL6:
        return moot("this RHEL 6 has no D-Bus that would need one")
    return bad(found or "none") if found in _UNSET else good(found)


@boot_check(
    "B-L19",
    "there are SSH host keys",
    why="without them sshd does not start",
    source="cloud-init, cc_ssh; sshd-keygen",
    expected="one key at least",
    fix="ssh in cloud_init_modules of cloud.cfg, or sshd-keygen enabled",
)
def host_keys(trial: Trial) -> Finding:
    kinds = sorted(key.split()[0] for key in trial.first.host_keys)
    return good(some(kinds)) if kinds else bad("none")


@boot_check(
    "B-L20",
    "a second instance has another machine id",
    why="two guests with one id get one DHCP lease and are one machine for the cloud's monitoring",
    source="machine-id(5)",
    expected="two different ids",
    fix="virt-customize --truncate /etc/machine-id -a IMAGE, as the last step",
)
def other_machine_id(trial: Trial) -> Finding:
    one, two = trial.first.word("machine-id"), trial.second.word("machine-id")
    if one in _UNSET and two in _UNSET:
        return moot("neither has one")
    return bad(f"both are {one}") if one == two else good(f"{one} and {two}")


@boot_check(
    "B-L21",
    "a second instance has other SSH host keys",
    why="who has the keys of one guest can stand in for all the others",
    source="virt-sysprep(1), ssh-hostkeys",
    expected="no key in common",
    fix="virt-sysprep --operations ssh-hostkeys -a IMAGE; ssh_deletekeys: true in cloud.cfg",
)
def other_host_keys(trial: Trial) -> Finding:
    one, two = trial.first.host_keys, trial.second.host_keys
    if not one or not two:
        return moot("one of the guests has none")
    shared = sorted(key.split()[0] for key in one & two)
    return (
        bad(f"both have the same {some(shared)} key")
        if shared
        else good(f"{len(one)} and {len(two)}, none shared")
    )


@boot_check(
    "B-L24",
    "the kernel's random numbers are ready",
    why="keys that are made before that can be guessed, and programs that wait for them hang for minutes",
    source="random(4), getrandom(2); Nova, hw_rng_model; cloud-init, cc_seed_random",
    expected="crng init done, in the kernel's log",
    fix="the driver virtio-rng in kernel or initramfs, seed_random in cloud_init_modules; haveged on an old kernel",
    severity=Severity.WARNING,
)
def random_numbers(trial: Trial) -> Finding:
    found = trial.first.word("random")
    if not found and trial.hardware.profile is Profile.RHEL6:
        return moot("its kernel does not tell")
    return good(found) if found else bad("the kernel does not say so, as far as its log goes back")


@boot_check(
    "B-L25",
    "a second instance has another random seed",
    why="guests that start from one seed make the same keys and numbers",
    source="virt-sysprep(1), random-seed; systemd-random-seed(8)",
    expected="two different files",
    fix="no /var/lib/systemd/random-seed nor /var/lib/random-seed in the image: sysprep with random-seed",
)
def other_seed(trial: Trial) -> Finding:
    one, two = (
        {line.split()[0] for line in boot.said("random-seed") if line.strip()}
        for boot in (trial.first, trial.second)
    )
    if not one or not two:
        return moot("one of the guests has none while it runs")
    return bad("both have the same") if one & two else good("they differ")


@boot_check(
    "B-W1",
    "Windows has finished its setup",
    why="a guest that waits in the out-of-box experience can be used by nobody",
    source="Windows Setup, State\\ImageState",
    expected="IMAGE_STATE_COMPLETE",
    fix="the screenshot shows the page it waits at; its Unattend.xml must answer it",
    profiles=_WINDOWS,
)
def image_state(trial: Trial) -> Finding:
    found = trial.first.word("image-state")
    return good(found) if found == "IMAGE_STATE_COMPLETE" else bad(found or "none")


@boot_check(
    "B-W2",
    "Cloudbase-Init has finished",
    why="it sets name, password, keys and disk",
    source="Cloudbase-Init, log",
    expected="Plugins execution done, in its log",
    fix="the service cloudbase-init must start by itself; its log in the guest says how far it came",
    profiles=_WINDOWS,
)
def cloudbase(trial: Trial) -> Finding:
    lines = trial.first.said("cloudbase")
    if not lines:
        return bad("it has no log")
    done = [line for line in lines if "Plugins execution done" in line]
    return good("its plugins are done") if done else bad("its log tells no end")


@boot_check(
    "B-W3",
    "no plugin of Cloudbase-Init has failed",
    why="what a plugin was to set is missing in the guest",
    source="Cloudbase-Init, log",
    expected="no errors in its log",
    fix="the lines name the plugin; see cloudbase-init.conf",
    profiles=_WINDOWS,
)
def cloudbase_errors(trial: Trial) -> Finding:
    lines = [line.strip() for line in trial.first.said("cloudbase-errors") if line.strip()]
    return bad(some(lines, at_most=2)) if lines else good("none")


@boot_check(
    "B-W4",
    "the network is up by DHCP (Windows)",
    why="the cloud gives addresses by DHCP",
    source="Neutron, DHCP agent; netkvm",
    expected="an IPv4 address that DHCP gave",
    fix="the driver netkvm in the image, no fixed address in its cards",
    profiles=_WINDOWS,
)
def windows_network(trial: Trial) -> Finding:
    lines = [line.strip() for line in trial.first.said("address") if line.strip()]
    leased = [line for line in lines if line.endswith("dhcp=True") and not line.startswith("169.254.")]
    return good(some(leased)) if leased else bad(some(lines) or "no address")


@boot_check(
    "B-W5",
    "a second instance has another machine SID",
    why="Sysprep makes a new one; the same in two guests shows that the image was not generalized",
    source="Sysprep, /generalize",
    expected="two different SIDs",
    fix="sysprep.exe /generalize /oobe /shutdown as the last step",
    profiles=_WINDOWS,
)
def other_sid(trial: Trial) -> Finding:
    one, two = trial.first.word("machine-id"), trial.second.word("machine-id")
    if not one or not two:
        return moot("one of the guests does not tell its SID")
    return bad(f"both are {one}") if one == two else good(f"{one} and {two}")


@boot_check(
    "B-W7",
    "every device has its driver",
    why="a device without one is not there for Windows: no balloon, no random numbers, no agent, or no second disk",
    source="virtio-win; Win32_PnPEntity, ConfigManagerErrorCode",
    expected="no device that tells of a problem",
    fix="the drivers that the names point to, from virtio-win, in the recipe",
    severity=Severity.WARNING,
    profiles=_WINDOWS,
)
def drivers(trial: Trial) -> Finding:
    lines = [line.strip() for line in trial.first.said("drivers") if line.strip()]
    if not lines:
        return moot("the guest does not tell of its devices")
    troubled = [line for line in lines if line != "asked"]
    return bad(some(troubled)) if troubled else good("none has a problem")


@boot_check(
    "B-W8",
    "Remote Desktop answers where it is switched on",
    why="it is how people come into a Windows of the cloud",
    source="Terminal Server, fDenyTSConnections; TermService",
    expected="a listener at its port",
    fix="the service TermService must start by itself; a certificate or key of the build may be in its way",
    profiles=_WINDOWS,
)
def remote_desktop(trial: Trial) -> Finding:
    said = {
        name: value for name, _, value in (line.strip().partition("=") for line in trial.first.said("rdp"))
    }
    if "denied" not in said:
        return moot("the guest does not tell")
    if said["denied"] != "0":
        return moot("it is switched off in this image")
    if said.get("listening") == "True":
        return good(f"it listens at port {said.get('port', '?')}")
    return bad(
        f"nothing listens at port {said.get('port', '?')}, TermService is {said.get('service') or 'not there'}"
    )


IDENTITY = (machine_id, host_keys, other_machine_id, other_host_keys, random_numbers, other_seed)
WINDOWS = (image_state, cloudbase, cloudbase_errors, windows_network, other_sid, drivers, remote_desktop)
