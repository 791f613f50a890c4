"""What recipes of Red Hat's families say besides the rest: where content comes from, registration, root growth.

Facts of ``register``: subscription-manager, managercli.py, ``RegisterCommand._validate_options``.
"""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from goldsmith.recipe.parts import Part
from goldsmith.recipe.quantities import Many, refuse
from goldsmith.recipe.secrets import Secret, TextOrSecret
from goldsmith.recipe.steps import Refresh

_URL = r"^https?://[^\s\"'<>]+$"
_SERVER = r"^[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?$"
_SECRET_FIELDS = ("activation_key", "password")


class Origin(StrEnum):
    """Where updates, and what the medium lacks, come from."""

    MEDIUM = "medium"  # the DVD or tree alone
    REPOS = "repos"  # the installer takes them from install.repos
    RHSM = "rhsm"  # the guest is registered for the time of its installation
    SYSTEM = "system"  # repositories that the installed system itself names

    @property
    def in_the_guest(self) -> bool:
        """Whether the guest's own package command fetches them, and not the installer."""
        return self in (Origin.RHSM, Origin.SYSTEM)


class RootGrowth(StrEnum):
    """How RHEL 6 takes a larger disk: its kernel cannot read a changed partition table while root is mounted."""

    GROWROOT = "growroot"  # dracut's module of this name, from EPEL 6
    FIRST_BOOT = "first-boot"  # a service grows the partition, and starts the guest once more
    NONE = "none"


class Content(Part):
    """Where packages come from that are newer than the medium, or not on it."""

    origin: Annotated[Origin, Field(strict=False)] | None = Field(
        default=None, description="medium, repos, rhsm or system; by what else is said when not given."
    )
    packages: Many[str] = Field(
        default=(), description="Packages that come from there, such as cloud-init for RHEL 6 and 7."
    )
    update: bool = Field(default=True, description="Update all packages, with rhsm and system.")
    refresh: Annotated[Refresh, Field(strict=False)] | None = Field(
        default=None,
        description="Install anew after a day, a week, never, or always; weekly where content comes from elsewhere "
        "than the medium, else never.",
    )


class Subscription(Part):
    """How the guest is registered while it is built; it is unregistered before it is an image."""

    org: TextOrSecret | None = Field(default=None, description="Organization, which a key needs.")
    activation_key: TextOrSecret | None = Field(
        default=None, description="!secret env:NAME; several keys with commas."
    )
    username: TextOrSecret | None = Field(default=None, description="Instead of an activation key.")
    password: TextOrSecret | None = Field(default=None, description="!secret env:NAME.")
    auto_attach: bool = Field(default=False, description="Attach subscriptions; with username only.")
    environment: str | None = Field(default=None, min_length=1, description="Of Satellite; not with a key.")
    serverurl: str | None = Field(default=None, pattern=_SERVER, description="HOST[:PORT][/PREFIX].")
    baseurl: str | None = Field(default=None, pattern=_URL, description="URL that packages come from.")
    release: str | None = Field(
        default=None, pattern=r"^[0-9]+(\.[0-9]+|Server)?$", description='Stay at this release: "7.9".'
    )
    repos: Many[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._*-]*$")]] = Field(
        default=(), description="Repositories to enable after registering."
    )

    @field_validator("serverurl", mode="before")
    @classmethod
    def _no_scheme(cls, value: object) -> object:
        return value.removeprefix("https://") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.activation_key is not None:
            self._with_key()
        elif self.username is None or self.password is None:
            known = "username without password" if self.username is not None else "neither key nor username"
            raise refuse(
                f"nobody can register with {known if self.password is None else 'password without username'}",
                "give org: and activation_key:, or username: and password:",
            )
        for name in _SECRET_FIELDS:
            value = getattr(self, name)
            if value is not None and not isinstance(value, Secret):
                raise refuse(
                    f"{name} stands in the recipe for all to read", f"write {name}: !secret env:NAME"
                )
        return self

    def _with_key(self) -> None:
        if self.org is None:
            raise refuse("an activation key needs its organization", "add org:")
        others = [name for name in ("username", "password", "environment") if getattr(self, name) is not None]
        others += ["auto_attach"] * self.auto_attach
        if others:
            raise refuse(
                f"an activation key is given, and {' and '.join(others)} cannot be used with one",
                "remove it: the key brings what it stands for",
            )

    def variables(self) -> dict[str, str | Secret]:
        """Return what kickstarts/parts/content.sh reads from its environment."""
        given: dict[str, str | Secret | None] = {
            "RHSM_ORG": self.org,
            "RHSM_ACTIVATION_KEY": self.activation_key,
            "RHSM_USERNAME": self.username,
            "RHSM_PASSWORD": self.password,
            "RHSM_AUTO_ATTACH": "yes" if self.auto_attach else None,
            "RHSM_ENVIRONMENT": self.environment,
            "RHSM_SERVERURL": self.serverurl,
            "RHSM_BASEURL": self.baseurl,
            "RHSM_RELEASE": self.release,
            "RHSM_REPOS": " ".join(self.repos) or None,
        }
        return {name: value for name, value in given.items() if value is not None}


class Repository(Part):
    """A package repository that the installer uses."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    baseurl: str = Field(pattern=r"^(https?|ftp|file)://[^\s\"'<>]+$")


class Sources(Part):
    """The part of ``install`` that says where packages come from."""

    repos: Many[Repository] = Field(default=(), description="Further repositories for the installer.")
    content: Content = Content()
    subscription: Subscription | None = Field(
        default=None, description="What registers the guest while it is built; used with origin rhsm only."
    )
    root_growth: Annotated[RootGrowth, Field(strict=False)] | None = Field(
        default=None, description="How RHEL 6 takes a larger disk: growroot, first-boot or none."
    )

    @model_validator(mode="before")
    @classmethod
    def _only_what_is_used(cls, said: Any) -> Any:
        """Drop the registration, with its secrets, where a recipe or a variable chooses another origin."""
        content = said.get("content") if isinstance(said, dict) else None
        origin = content.get("origin") if isinstance(content, dict) else None
        if isinstance(origin, str) and origin in set(Origin) - {Origin.RHSM}:
            return {name: value for name, value in said.items() if name != "subscription"}
        return said

    @model_validator(mode="after")
    def _origin_has_what_it_needs(self) -> Self:
        if self.origin is Origin.RHSM and self.subscription is None:
            raise refuse(
                "content comes by registration (rhsm), and there is no subscription",
                "add subscription: with org: and activation_key:, or say content: {origin: medium}",
            )
        if self.origin is Origin.REPOS and not self.repos:
            raise refuse("content comes from repos, and there are none", "add repos: [{name:, baseurl:}]")
        if self.root_growth is RootGrowth.GROWROOT and not self.repos:
            raise refuse(
                "root_growth is growroot, but its package dracut-modules-growroot is in EPEL 6 alone",
                "add EPEL 6 to repos:, or say root_growth: first-boot",
            )
        return self

    @property
    def origin(self) -> Origin:
        """Return where updates and missing packages come from: what is said, else by what is there."""
        if self.content.origin:
            return self.content.origin
        if self.subscription:
            return Origin.RHSM
        return Origin.REPOS if self.repos else Origin.MEDIUM

    @property
    def freshness(self) -> Refresh:
        """Return how long the installed disk is taken from the store though nothing in the recipe changed."""
        outside = self.origin is not Origin.MEDIUM
        return self.content.refresh or (Refresh.WEEKLY if outside else Refresh.NEVER)

    def content_variables(self) -> dict[str, str | Secret]:
        """Return the environment of kickstarts/parts/content.sh, which takes the content in the guest."""
        registration = self.subscription.variables() if self.subscription else {}
        return {
            "CONTENT_ORIGIN": str(self.origin),
            "CONTENT_UPDATE": "yes" if self.content.update else "no",
            "CONTENT_PACKAGES": " ".join(self.content.packages),
            **registration,
        }
