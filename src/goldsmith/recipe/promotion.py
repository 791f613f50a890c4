"""What ``goldsmith.yaml`` says of channels, their gates, and how long images are kept."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from goldsmith.recipe.parts import Part
from goldsmith.recipe.quantities import Age, Many, Size, refuse
from goldsmith.recipe.words import Visibility

CHANNEL = r"^[a-z][a-z0-9_]{0,30}$"  # it becomes a part of a property's name


class Approvals(Part):
    """Persons who must have said yes."""

    count: int = Field(default=2, ge=1, le=20, description="How many different names.")
    not_the_promoter: bool = Field(default=True, description="Whoever promotes does not count.")
    by: Many[str] = Field(default=(), description="Only these names count; anybody's when empty.")


class Growth(Part):
    """How much larger than the channel's image a new one may be; both must hold when both are said."""

    percent: Annotated[float, Field(strict=False)] | None = Field(default=None, ge=0)
    size: Size | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.percent is None and self.size is None:
            raise refuse("size_growth says no limit", "give percent: or size:")
        return self


class Gates(Part):
    """What must hold before a version may enter a channel."""

    order: bool = Field(default=True, description="It is, or was, in the channel before this one.")
    audit: bool = Field(default=False, description="Its audit passed.")
    boot_test: bool = Field(default=False, description="Its boot test passed.")
    age: Age | None = Field(default=None, description="Time that it has spent in the channel before.")
    sbom: bool = Field(default=False, description="A list of its packages (SPDX, CycloneDX) is kept with it.")
    signature: bool = Field(default=False, description="Its signature was verified.")
    committed: bool = Field(default=False, description="Its recipe was built from a clean git commit.")
    approvals: Approvals | None = Field(default=None, description="Persons who must have said yes.")
    size_growth: Growth | None = Field(
        default=None, description="Limit of growth against the channel's image."
    )
    no_downgrade: bool = Field(
        default=False, description="No package is older than in the channel's image; needs the SBOM of both."
    )


class ChannelPart(Part):
    """One channel."""

    name: str = Field(pattern=CHANNEL, description="Lower case letters, digits and _.")
    gates: Gates = Gates()
    visibility: Annotated[Visibility, Field(strict=False)] | None = Field(
        default=None, description="Visibility that an image gets in this channel; else it keeps its own."
    )
    protected: bool = Field(default=False, description="Protect images while they are in this channel.")
    hide_left: bool = Field(
        default=False, description="Hide an image that leaves this channel and is in no other one."
    )


DEV = ChannelPart(name="dev", gates=Gates(order=False))
CANDIDATE = ChannelPart(name="candidate", gates=Gates(audit=True, boot_test=True))
RELEASED = ChannelPart(name="released", gates=Gates(audit=True, boot_test=True), protected=True)
CHANNELS = (DEV, CANDIDATE, RELEASED)


class Retention(Part):
    """How long versions are kept that are in no channel."""

    keep: int = Field(default=5, ge=0, description="So many of the newest versions.")
    keep_days: Annotated[float, Field(strict=False)] = Field(
        default=30, ge=0, description="Versions younger than this."
    )
    keep_released: int = Field(
        default=2, ge=1, description="So many versions that each channel could be rolled back to."
    )
    grace: Age = Field(default=7 * 86400.0, description="Time between hidden, deactivated and deleted.")


def check_channels(channels: tuple[ChannelPart, ...]) -> tuple[ChannelPart, ...]:
    """Refuse an empty list, and two channels of one name."""
    names = [one.name for one in channels]
    if not names:
        raise refuse("there is no channel", "leave channels: out, or name at least one")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise refuse(f"the channel {twice} is given twice", "give each channel once, in order")
    return channels
