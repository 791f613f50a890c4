"""Generalize Windows by its own Sysprep, and prove on the disk that it did."""

from collections.abc import Sequence
from dataclasses import dataclass

from goldsmith.audit.generalized import GENERALIZED
from goldsmith.errors import GuestError
from goldsmith.events import PhaseStarted
from goldsmith.guests.windows_session import WindowsSession
from goldsmith.host import retry
from goldsmith.host.commands import Ran
from goldsmith.host.guestfs import fish
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.stages import windows_boot
from goldsmith.stages.guest import Guest
from goldsmith.stages.windows_disk import not_generalized

SCRIPT = "C:\\goldsmith\\generalize.cmd"  # build.cmd put it there
LEFTOVERS = ("/goldsmith", "/pagefile.sys", "/swapfile.sys", "/hiberfil.sys")
PATIENCE = 3600.0  # seconds; Sysprep takes some minutes, and much longer where the processor is emulated


@dataclass(frozen=True)
class WindowsSysprep:
    """The last act in the guest, in the boot that the steps before it share; virt-sysprep knows no Windows.

    The guest's own power-off proves nothing: Sysprep's error path, or any shutdown, looks the same from outside. Good
    is an ImageState of IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE in the registry, and an empty setuperr.log of Sysprep.
    """

    group: str
    guest: Guest

    name = "sysprep"
    kind = Kind.DISK
    version = 1
    ends = True

    def inputs(self) -> Inputs:
        return {
            "state": GENERALIZED,
            "leftovers": list(LEFTOVERS),
        }  # its script is one of the answers that the install has named

    def run(self, work: Work, context: Context) -> None:
        self.run_together([work], context)

    def run_together(self, works: Sequence[Work], context: Context) -> None:
        windows_boot.run_together(works, context)

    def act(self, session: WindowsSession, context: Context) -> None:
        context.reporter.tell(PhaseStarted(self.name, "generalizing"))
        shell, log = session.shell, context.log_for(self.name)
        number = shell.start("cmd.exe", ["/d", "/c", SCRIPT])

        def ended() -> Ran | bool | None:
            """Say how the script ended, or True where the power went off before the agent could say so."""
            if session.is_off():
                return True
            try:
                return shell.ended(number, on_line=log)
            except GuestError:
                return None  # the agent ends before the power does

        deadline = max(PATIENCE, self.guest.boot_timeout * context.patience)
        how = retry.until(
            ended,
            what="power-off by Sysprep",
            deadline=deadline,
            every=1,
            evidence=session.evidence,
            fix="the screenshot shows whether Sysprep asks something",
        )
        if isinstance(how, Ran) and how.code:
            raise GuestError(
                f"generalize.cmd ended with exit status {how.code}",
                evidence=[*session.evidence(), *how.tail][-15:],
            )
        session.await_power_off(deadline)

    def check(self, work: Work, context: Context) -> None:
        """Raise GuestError, with the cause that Sysprep's logs tell, unless the disk proves that it ended well."""
        context.reporter.tell(PhaseStarted(self.name, "checking the disk"))
        if wrong := not_generalized(work.disk, context, stage=self.name):
            raise wrong
        _remove_leftovers(work, context, self.name)


def _remove_leftovers(work: Work, context: Context, stage: str) -> None:
    """Take away what Windows itself could not: the folder its last script runs from, and files it held open."""
    fish(
        context.host_for(stage),
        "\n".join(f'rm-rf "{path}"' for path in LEFTOVERS),
        image=work.disk,
        format="qcow2",
        read_only=False,
        inspect=True,
        env=context.guestfs_env,
    )
