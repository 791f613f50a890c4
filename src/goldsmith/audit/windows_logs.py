"""What a Windows wrote about its own installation, brought from its disk in one launch of the appliance."""

from collections.abc import Mapping
from pathlib import Path

from goldsmith.audit.appliance import Appliance, converse
from goldsmith.audit.generalized import Traces, Verdict, generalized
from goldsmith.audit.hives import read_hives
from goldsmith.audit.listing import decoded, list_tree
from goldsmith.audit.ntfs import mount, mount_windows, volumes
from goldsmith.audit.tree import Entry, Kind
from goldsmith.host.process import Host

MOST_LOG = 16 << 20  # bytes of one file; of a longer one its end is taken
LOGS = (
    "/windows/panther/*.log",
    "/windows/panther/*.xml",
    "/windows/panther/unattendgc/*.log",
    "/windows/system32/sysprep/panther/*.log",
    "/windows/setup/state/state.ini",
    "/windows/inf/setupapi.dev.log",
    "/windows/inf/setupapi.offline.log",
    "/$windows.~bt/sources/panther/*.log",
    "/program files/cloudbase solutions/cloudbase-init/log/*.log",
    "/cloudbase-msi.log",
    "/virtio.log",
    "/goldsmith/*.log",
)
_STATE = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
_CONFIG = "/windows/system32/config"
_SYSPREP = "/windows/system32/sysprep"


def prove(
    image: Path, *, driver: str, host: Host, env: Mapping[str, str], logs: Path | None = None
) -> Verdict:
    """Return whether Sysprep generalized the Windows on this disk; its machine must be off.

    ``driver`` is QEMU's name of the format. Unless the verdict is good, its logs are put into the folder ``logs``.
    """

    def talk(appliance: Appliance) -> Verdict:
        appliance.ask("run", must=True)
        verdict = generalized(traces(appliance))
        if logs and not verdict.good:
            _pull(appliance, logs)
        return verdict

    return converse(image, talk, driver=driver, host=host, env=env)


def pull_logs(
    image: Path, *, driver: str, host: Host, env: Mapping[str, str], into: Path
) -> tuple[Path, ...]:
    """Put the logs of Setup, Sysprep and Cloudbase-Init of a dead disk into a folder, as UTF-8, and return them.

    A disk without NTFS gives none. Answer files are among them: whoever keeps them has to mask the secrets.
    """

    def talk(appliance: Appliance) -> tuple[Path, ...]:
        appliance.ask("run", must=True)
        return _pull(appliance, into)

    return converse(image, talk, driver=driver, host=host, env=env)


def traces(appliance: Appliance) -> Traces:
    """Return what Sysprep left; the appliance runs and has nothing mounted, and the Windows is mounted afterwards."""
    if not mount_windows(appliance):
        return Traces(
            missing="the disk holds no Windows that can be read: Setup did not get so far, or BitLocker is on"
        )
    registry = read_hives(appliance, {"SOFTWARE": f"{_CONFIG}/software"}, [f"{_STATE}:ImageState"])
    if reason := registry.unread.get("SOFTWARE"):
        return Traces(missing=reason)
    return Traces(
        image_state=registry.text(_STATE, "ImageState"),
        state_file=_text(appliance, "/windows/setup/state/state.ini"),
        errors=_text(appliance, f"{_SYSPREP}/panther/setuperr.log"),
        log=_text(appliance, f"{_SYSPREP}/panther/setupact.log"),
        succeeded=appliance.text("is-file", f"{_SYSPREP}/sysprep_succeeded.tag").strip() == "true",
    )


def _text(appliance: Appliance, path: str) -> str:
    """Return the end of a file; of UTF-16, its mark at the begin tells."""
    said = appliance.text("filesize", path).strip()
    if not said.isdigit() or appliance.text("is-file", path).strip() != "true":
        return ""
    size = int(said)
    start = max(0, size - (1 << 20)) & ~1
    data = appliance.ask("pread", path, str(1 << 20), str(start))
    mark = appliance.ask("pread", path, "2", "0") if start else b""
    return decoded(mark + data if mark in (b"\xff\xfe", b"\xfe\xff") else data)


def _pull(appliance: Appliance, into: Path) -> tuple[Path, ...]:
    into.mkdir(parents=True, exist_ok=True)
    pulled: list[Path] = []
    for number, device in enumerate(volumes(appliance)):
        appliance.ask("umount-all")
        if not mount(appliance, device):
            continue
        tree = list_tree(appliance, LOGS)
        for path in sorted({path for pattern in LOGS for path in tree.match(pattern)}):
            entry = tree.entries.get(path)
            if entry and entry.kind == Kind.FILE and entry.size and path.isprintable():
                prefix = f"volume{number + 1}-" if number else ""
                pulled.append(_download(appliance, path, entry, into, prefix))
    return tuple(one for one in pulled if one.exists())


def _download(appliance: Appliance, path: str, entry: Entry, into: Path, prefix: str) -> Path:
    name = prefix + path.strip("/").replace("/", "-").replace(" ", "_").replace("$", "")
    target = into / name
    start = max(0, entry.size - MOST_LOG)
    appliance.ask("download-offset", path, str(target), str(start), str(min(entry.size, MOST_LOG)))
    if target.exists():
        target.write_text(decoded(target.read_bytes()), encoding="utf-8")
    return target
