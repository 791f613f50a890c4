"""The steps of ``customize``: what they may say."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from goldsmith.recipe.parts import Part
from goldsmith.recipe.quantities import Many, Time, refuse
from goldsmith.recipe.secrets import TextOrSecret

MODE = r"^0?[0-7]{3,4}$"
OWNER = r"^[a-z_][a-z0-9_.-]*(:[a-z_][a-z0-9_.-]*)?$"
_MODULE = r"^[a-z0-9][a-z0-9_-]*$"

LocalFile = Annotated[Path, Field(strict=False)]
GuestPath = Annotated[
    str, Field(pattern=r"^(/|[A-Za-z]:\\)[^\x00-\x1f]*$", description="An absolute path in the guest.")
]
Mode = Annotated[str, Field(pattern=MODE, description='Permissions in octal, quoted: "0644".')]
Owner = Annotated[str, Field(pattern=OWNER, description="user or user:group in the guest.")]


class Via(StrEnum):
    """How a step reaches the guest."""

    SSH = "ssh"
    AGENT = "agent"
    OFFLINE = "offline"


class Refresh(StrEnum):
    """How long the layer of a step may be taken from the store though nothing in the recipe changed."""

    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"
    ALWAYS = "always"


class Run(Part):
    """A script that runs in the guest."""

    script: str | None = Field(default=None, min_length=1, description="The text of the script.")
    file: LocalFile | None = Field(
        default=None, description="A file with the script, looked for beside the recipe."
    )
    interpreter: str | None = Field(
        default=None, description="Program in the guest that reads it; else its #! line, or sh."
    )
    environment: dict[str, TextOrSecret] = Field(
        default={}, description="Variables for the script; secrets are allowed."
    )
    allowed_exit_codes: Many[int] = Field(default=(0,), description="Exit codes that mean success.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.script is None) == (self.file is None):
            raise refuse("run wants either script or file", "give exactly one of script: and file:")
        return self


class Upload(Part):
    """A file or folder of this project that is copied into the guest."""

    source: LocalFile = Field(description="A file or folder, looked for beside the recipe.")
    dest: GuestPath
    mode: Mode | None = None
    owner: Owner | None = None


class Write(Part):
    """A file in the guest with a given text."""

    path: GuestPath
    content: TextOrSecret | None = Field(default=None, description="The text; a secret is allowed.")
    file: LocalFile | None = Field(
        default=None, description="A file with the text, looked for beside the recipe."
    )
    mode: Mode = "0644"
    owner: Owner = "root:root"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.content is None) == (self.file is None):
            raise refuse("write wants either content or file", "give exactly one of content: and file:")
        return self


class Packages(Part):
    """Packages by the guest's own package command."""

    install: Many[str] = ()
    remove: Many[str] = ()
    update: Literal["all"] | Many[str] = Field(default=(), description="all, or a list of packages.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.install or self.remove or self.update):
            raise refuse("packages does nothing", "give install:, remove: or update:")
        return self


class Services(Part):
    """Services that start at boot, or do not."""

    enable: Many[str] = ()
    disable: Many[str] = ()
    mask: Many[str] = ()


class DefaultUser(Part):
    """The user that cloud-init creates at first boot."""

    name: str = Field(pattern=OWNER)
    groups: Many[str] = ()
    shell: str = "/bin/bash"
    sudo: str = Field(default="ALL=(ALL) NOPASSWD:ALL", description="Rule for sudo; empty for none.")
    lock_passwd: bool = True


class ResolvConf(Part):
    """What the module resolv-conf writes at first boot, and the setting without which it writes nothing."""

    nameservers: Many[str] = ()
    searchdomains: Many[str] = ()
    domain: str | None = None
    options: dict[str, bool | int] = Field(default={}, description="Of resolv.conf: rotate, timeout ...")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.nameservers or self.searchdomains or self.domain or self.options):
            raise refuse("resolv_conf says nothing", "give nameservers:, or leave resolv_conf out")
        return self


class CloudInit(Part):
    """How the guest's cloud-init is set up."""

    add_module: Many[Annotated[str, Field(pattern=_MODULE)]] = Field(
        default=(), description="Modules to add to cloud_init_modules in /etc/cloud/cloud.cfg; one or a list."
    )
    default_user: DefaultUser | None = Field(
        default=None, description="The user made at first boot; a name is enough."
    )
    datasources: Many[str] = Field(
        default=(), description="datasource_list, in order: ConfigDrive, OpenStack, Ec2, NoCloud ..."
    )
    resolv_conf: ResolvConf | None = Field(
        default=None, description="Lets the module resolv-conf write /etc/resolv.conf at first boot."
    )
    drop_ins: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+\.cfg$")], str] = Field(
        default={}, description="Files for /etc/cloud/cloud.cfg.d: name and text."
    )

    @field_validator("add_module", mode="before")
    @classmethod
    def _one_module(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _module_for_resolv_conf(self) -> Self:
        if self.resolv_conf and "resolv-conf" not in self.add_module:
            raise refuse("resolv_conf is written by a module that is not in use", "add_module: resolv-conf")
        return self

    @field_validator("default_user", mode="before")
    @classmethod
    def _only_a_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


Action = Run | Upload | Write | Packages | Services | CloudInit | Literal[True]
ACTIONS = ("run", "upload", "write", "packages", "services", "reboot", "cloud_init")


class Step(Part):
    """One step: exactly one action, and how it is done."""

    name: str | None = Field(default=None, description="Shown in logs; else the kind of the step.")
    run: Run | None = Field(
        default=None, description="Script text, or {script | file, interpreter, environment ...}."
    )
    upload: Upload | None = None
    write: Write | None = None
    packages: Packages | None = None
    services: Services | None = None
    reboot: Literal[True] | None = Field(default=None, description="Boot the guest anew and wait for it.")
    cloud_init: CloudInit | None = None
    via: Annotated[Via, Field(strict=False)] | None = Field(
        default=None, description="ssh (default), agent, or offline."
    )
    timeout: Time | None = Field(
        default=None, description="The longest this step may take; else machine.timeouts.step."
    )
    refresh: Annotated[Refresh, Field(strict=False)] | None = Field(
        default=None,
        description="Build this step anew after a day, a week, never, or always; weekly where it installs or updates "
        "packages, else never.",
    )
    layer: bool = Field(default=True, description="Keep the disk after this step as a layer of its own.")

    @field_validator("run", mode="before")
    @classmethod
    def _script_or_file(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return {"file": value} if is_script_path(value) else {"script": value}

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        given = [name for name in ACTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "no action"
            raise refuse(f"a step does one thing, and here is {said}", f"give one of {', '.join(ACTIONS)}")
        return self

    @property
    def kind(self) -> str:
        """Return which of ACTIONS this step is."""
        return next(name for name in ACTIONS if getattr(self, name) is not None)

    @property
    def action(self) -> Action:
        """Return what the step does, as the model of its kind (True for a reboot)."""
        found: Action = getattr(self, self.kind)
        return found

    @property
    def freshness(self) -> Refresh:
        """Return how long its layer is taken: what is said, else by whether it reads the outside world."""
        outside = self.packages is not None and bool(self.packages.install or self.packages.update)
        return self.refresh or (Refresh.WEEKLY if outside else Refresh.NEVER)

    @property
    def title(self) -> str:
        return self.name or self.kind


def is_script_path(text: str) -> bool:
    """Return whether ``run: TEXT`` names a file: one word that ends as scripts do."""
    return text.endswith((".sh", ".bash", ".py", ".pl", ".rb", ".ps1", ".cmd", ".bat")) and not any(
        sign.isspace() or sign in ";|&$(){}<>\"'`" for sign in text
    )
