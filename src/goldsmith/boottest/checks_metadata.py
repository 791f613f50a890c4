"""How the instances were told who they are: by a config drive, and by the metadata service at 169.254.169.254."""

from goldsmith.audit.check import ALL, Finding, Profile, bad, good, some
from goldsmith.audit.facts import NotLooked
from goldsmith.boottest.check import boot_check
from goldsmith.boottest.checks_system import own_name, wrong_file
from goldsmith.boottest.facts import Boot, Trial
from goldsmith.boottest.seed import Source

_BY_SERVICE = ("DataSourceOpenStack", "DataSourceEc2")
_WINDOWS_SERVICES = ("HttpService", "EC2Service")
_SHOWN = 3  # requests
_NOT_PLAYED = {
    Source.DRIVE: "no instance had a config drive (--metadata service)",
    Source.SERVICE: "the metadata service was not played (--metadata config-drive)",
}


@boot_check(
    "B-L10",
    "the instance's data come from the config drive",
    why="a guest that does not find the cloud's data falls back to none: no key, no name, no user data",
    source="cloud-init, DataSourceConfigDrive",
    expected="DataSourceConfigDrive",
    fix="datasource_list: [ConfigDrive, OpenStack, ...] in cloud.cfg.d",
)
def drive(trial: Trial) -> Finding:
    found = _datasource(_with_cloud_init(_told_by(trial, Source.DRIVE)))
    return good(found) if "ConfigDrive" in found else bad(found or "none is told")


@boot_check(
    "B-L22",
    "the instance's data come from the metadata service",
    why="without a config drive a cloud tells a guest at 169.254.169.254 alone who it is",
    source="cloud-init, DataSourceOpenStack and DataSourceEc2; Nova, metadata service",
    expected="DataSourceOpenStack or DataSourceEc2",
    fix="datasource_list: [ConfigDrive, OpenStack, Ec2, ...] in cloud.cfg.d; DHCP on the first card",
)
def service(trial: Trial) -> Finding:
    boot = _with_cloud_init(_told_by(trial, Source.SERVICE))
    found = _datasource(boot)
    if any(one in found for one in _BY_SERVICE):
        return good(found)
    return bad(f"{found or 'none is told'}; {_requests(boot)}")


@boot_check(
    "B-C5",
    "a second instance has its own host name",
    why="guests that keep the name of the first, or of the build, cannot be told apart",
    source="OpenStack metadata, hostname; cloud-init, cc_set_hostname; Cloudbase-Init, SetHostNamePlugin",
    expected="the name in its metadata",
    fix="set_hostname in cloud_init_modules, preserve_hostname: false; nothing of the build in /var/lib/cloud",
    profiles=ALL,
)
def other_name(trial: Trial) -> Finding:
    return own_name(trial.second)


@boot_check(
    "B-L23",
    "a second instance gets its own key and user data",
    why="a guest that does with the first instance's data lets in whom it should not, and lacks what was asked for",
    source="cloud-init, cc_ssh and cc_write_files",
    expected="a login by its key, and the file that its user data asked for",
    fix="users-groups, ssh and write_files in cloud_init_modules; nothing of the build in /var/lib/cloud",
)
def other_data(trial: Trial) -> Finding:
    second, source = trial.second, trial.second.instance.source
    if not second.user:
        return bad(f"its key lets nobody in, by the {source}")
    if wrong := wrong_file(second):
        return bad(f"{wrong}, by the {source}")
    return good(f"{second.user} is let in and the file is there, by the {source}")


@boot_check(
    "B-W6",
    "Cloudbase-Init asks the metadata service",
    why="without a config drive a cloud tells a guest at 169.254.169.254 alone who it is",
    source="Cloudbase-Init, HttpService and EC2Service",
    expected="Metadata service loaded: HttpService or EC2Service, in its log",
    fix="metadata_services in cloudbase-init.conf and cloudbase-init-unattend.conf: ConfigDriveService, HttpService",
    profiles=frozenset({Profile.WINDOWS}),
)
def windows_service(trial: Trial) -> Finding:
    boot = _told_by(trial, Source.SERVICE)
    loaded = [line.strip() for line in boot.said("cloudbase") if "Metadata service loaded" in line]
    if any(one in line for line in loaded for one in _WINDOWS_SERVICES):
        return good(loaded[-1])
    return bad(f"{loaded[-1] if loaded else 'its log tells of none'}; {_requests(boot)}")


def _told_by(trial: Trial, source: Source) -> Boot:
    """Return the boot of an instance with this source. Raises NotLooked where none had it."""
    for one in (trial.first, trial.second):
        if one.instance.source is source:
            return one
    raise NotLooked(_NOT_PLAYED[source])


def _with_cloud_init(boot: Boot) -> Boot:
    if not boot.said("cloud-init"):
        raise NotLooked("there is no cloud-init in the guest")
    return boot


def _datasource(boot: Boot) -> str:
    """Return the name alone: cloud-init writes its class, and then itself in words."""
    return boot.word("datasource").partition(": ")[2] or boot.word("datasource") or boot.heard.datasource


def _requests(boot: Boot) -> str:
    """Say what the guest asked for: the last requests are those it went no further than."""
    if not boot.asked:
        return "it asked 169.254.169.254 for nothing"
    return f"it asked {len(boot.asked)} times, last {some(boot.asked[-_SHOWN:])}"


METADATA = (drive, service, other_name, other_data)
METADATA_WINDOWS = (windows_service,)
