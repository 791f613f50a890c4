"""What a Linux wrote about its own start and installation, brought from its disk in one launch of the appliance."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from goldsmith.audit.appliance import Appliance, converse, mounted_in_turn
from goldsmith.errors import GoldsmithError
from goldsmith.host.process import Host

_END = 1 << 20  # bytes of each log
_IN_VAR = (
    "log/anaconda/*",
    "log/cloud-init.log",
    "log/cloud-init-output.log",
    "log/messages",
    "log/syslog",
    "log/boot.log",
    "log/dracut.log",
    "log/journal/*/system.journal",
)
_LOGS = (
    *(f"/var/{one}" for one in _IN_VAR),
    *(f"/{one}" for one in _IN_VAR),  # where /var is a file system of its own
    "/root/ks-*.log",
    "/root/anaconda*",
    "/tmp/*.log",
)


def pull_logs(image: Path, *, driver: str, host: Host, env: Mapping[str, str], into: Path) -> None:
    """Copy the ends of the logs on a dead Linux disk into a folder; nothing is written to it.

    ``driver`` is QEMU's name of the format. A journal becomes text where this host has journalctl. Raises ToolError
    when the disk cannot be read at all.
    """

    def look(appliance: Appliance) -> None:
        appliance.ask("run", must=True)
        for _ in mounted_in_turn(appliance, leave_out=["vfat"]):
            for pattern in _LOGS:
                for path in appliance.text("glob-expand", pattern).splitlines():
                    _copy(appliance, path, into)

    converse(image, look, driver=driver, host=host, env=env)
    for journal in into.glob("*.journal"):
        with suppress(GoldsmithError):
            text = host.run("journalctl", "--file", journal, "--no-pager", timeout=60).stdout
            journal.with_suffix(".txt").write_text(text, encoding="utf-8")
            journal.unlink()


def _copy(appliance: Appliance, path: str, folder: Path) -> None:
    size = appliance.text("filesize", path).strip()
    if appliance.text("is-file", path).strip() != "true" or not size.isdigit() or size == "0":
        return
    target = folder / path.strip("/").replace("/", "-")
    if path.endswith(".journal"):  # its head is what it is read by
        appliance.ask("download", path, str(target))
        return
    start = max(0, int(size) - _END)
    appliance.ask("download-offset", path, str(target), str(start), str(min(int(size), _END)))
