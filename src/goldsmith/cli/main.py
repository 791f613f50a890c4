"""The ``goldsmith`` command: finds the command asked for, shows errors once, sets the exit code."""

import gc
import importlib
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import click

from goldsmith import __version__
from goldsmith.cli.base import GLOBAL_OPTIONS, absorb
from goldsmith.errors import GoldsmithError

# New objects before the garbage collector looks: what is loaded at the start stays, and looking through it again and
# again took a seventh of the time of a command that finds everything cached.
GARBAGE = 50_000

# command: (module, attribute, one line of help). Modules are imported only when their command runs.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "doctor": (
        "goldsmith.cli.doctor",
        "doctor",
        "Is this host fit? Names the command that mends what is not.",
    ),
    "recipes": ("goldsmith.cli.recipes", "recipes", "List what can be built here."),
    "validate": ("goldsmith.cli.recipes", "validate", "Check recipes, kickstarts and unattend files."),
    "render": ("goldsmith.cli.render", "render", "Show every rendered file and the virt-install command."),
    "plan": ("goldsmith.cli.build", "plan", "Show the stages of a build: cached or not, and why."),
    "build": ("goldsmith.cli.build", "build", "Build images from recipes."),
    "builds": ("goldsmith.cli.builds", "builds", "List the builds made here."),
    "logs": ("goldsmith.cli.builds", "logs", "Show the logs of a build."),
    "show": ("goldsmith.cli.builds", "show", "Tell the story of a build."),
    "shell": ("goldsmith.cli.shell", "shell", "Open a shell in the guest of a build that runs or was kept."),
    "selftest": (
        "goldsmith.cli.selftest",
        "selftest",
        "Build from your media and write a report to send back.",
    ),
    "audit": ("goldsmith.cli.audit", "audit", "Check an image offline, ours or not."),
    "diff": ("goldsmith.cli.diff", "diff", "Show what changed from one image to another."),
    "lock": ("goldsmith.cli.lock", "lock", "Write the versions of the last good build, for build --locked."),
    "boot-test": (
        "goldsmith.cli.booting",
        "boot_test",
        "Boot an image twice, as a cloud does, and check it.",
    ),
    "keygen": ("goldsmith.cli.keygen", "keygen", "Make a key that signs images, and its certificate."),
    "sign": ("goldsmith.cli.sign", "sign", "Sign an image: a file, an entry of the catalog, or a build."),
    "verify": ("goldsmith.cli.verify", "verify", "Check digests, manifest, signature and provenance."),
    "sbom": ("goldsmith.cli.sbom", "sbom", "Write the bill of materials of any image."),
    "inspect": (
        "goldsmith.cli.inspect",
        "inspect",
        "Tell what an image file or URL really is, and whether it is safe.",
    ),
    "convert": ("goldsmith.cli.convert", "convert", "Write an image in another format, and compare the two."),
    "image": ("goldsmith.cli.image", "image", "Work with the images of the catalog."),
    "push": (
        "goldsmith.cli.push",
        "push_command",
        "Bring a build, an image or a file into a catalog outside.",
    ),
    "promote": ("goldsmith.cli.promote", "promote", "Let a channel point to a version, if its gates let it."),
    "approve": ("goldsmith.cli.promote", "approve", "Say yes, by name, to a version entering a channel."),
    "rollback": ("goldsmith.cli.promote", "rollback", "Point a channel back to its last good version."),
    "revoke": ("goldsmith.cli.promote", "revoke", "Take a version out of all channels for good."),
    "channels": ("goldsmith.cli.channels", "channels", "Show which version each channel has."),
    "history": ("goldsmith.cli.channels", "history", "Tell what happened to the versions of a recipe."),
    "retire": ("goldsmith.cli.retire", "retire", "Plan and carry out the end of old versions."),
    "store": ("goldsmith.cli.store", "store", "List what the store of layers holds."),
    "media": ("goldsmith.cli.media", "media", "List and add installation media."),
    "nightly": (
        "goldsmith.cli.nightly",
        "nightly",
        "Build all recipes, promote what passes, clean up, tell.",
    ),
    "report": ("goldsmith.cli.report", "report", "Write pages about all that was built here."),
    "schema": ("goldsmith.cli.recipes", "schema", "Print the JSON Schema of recipes, or of outputs."),
}


class Root(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        absorb(ctx)
        return super().invoke(ctx)


root = Root(
    name="goldsmith",
    params=list(GLOBAL_OPTIONS),
    help="One YAML recipe in, one checked KVM/OpenStack guest image out.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
root = click.version_option(__version__, prog_name="goldsmith")(root)


def main(argv: list[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    gc.set_threshold(GARBAGE)
    code = run(argv)
    gc.freeze()  # or the interpreter looks once more through all that the modules hold: 0.2 s after the SDK
    sys.exit(code)


def run(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        result = root.main(args=argv, prog_name="goldsmith", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except GoldsmithError as error:
        click.echo(error.text(), err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; all was cleaned up", err=True)
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001  whatever is left is a bug
        return _unforeseen(error)


def _unforeseen(error: Exception) -> int:
    from goldsmith.host.faults import host_fault

    if isinstance(error, OSError) and (fault := host_fault(error)):
        click.echo(fault.text(), err=True)
        return fault.exit_code
    click.echo(f"a bug in Goldsmith: {error!r}", err=True)
    try:
        with tempfile.NamedTemporaryFile("w", prefix="goldsmith-bug-", suffix=".txt", delete=False) as report:
            traceback.print_exception(error, file=report)
    except OSError:  # no room for it
        traceback.print_exception(error)
    else:
        click.echo(f"  fix: please report it with the traceback in {Path(report.name)}", err=True)
    return 70
