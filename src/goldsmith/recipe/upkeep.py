"""What a publisher promises of an image: the words of the SCS standard scs-0102-v1-image-metadata."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from goldsmith.recipe.parts import Part
from goldsmith.recipe.properties import SCS


class Frequency(StrEnum):
    YEARLY = "yearly"
    QUARTERLY = "quarterly"
    MONTHLY = "monthly"
    WEEKLY = "weekly"
    DAILY = "daily"
    CRITICAL_BUG = "critical_bug"
    NEVER = "never"


class Upkeep(Part):
    """Where an image comes from, and how long and how often it is renewed; what is not said promises nothing."""

    image_source: str = Field(
        default="private",
        pattern=f"^({SCS['image_source'].form})$",
        description="URL to download it from, or private.",
    )
    image_description: str | None = Field(
        default=None,
        min_length=1,
        description="Text or URL; catalog.description or the summary when not said.",
    )
    image_original_user: str | None = Field(
        default=None, min_length=1, description="Who can log in first; the family's admin user when not said."
    )
    replace_frequency: Annotated[Frequency, Field(strict=False)] | None = Field(
        default=None,
        description="How often the image of this name is replaced at least; when not said, never for a name with "
        "the version in it, which always means the same image, else critical_bug.",
    )
    provided_until: str = Field(
        default="none", pattern=f"^({SCS['provided_until'].form})$", description="YYYY-MM-DD, none or notice."
    )
    uuid_validity: str = Field(
        default="none",
        pattern=f"^({SCS['uuid_validity'].form})$",
        description="How long the id is good: none, last-N, YYYY-MM-DD, notice or forever.",
    )
    hotfix_hours: int | None = Field(
        default=None, ge=0, description="Hours to a new image after a critical bug; 0 is best effort."
    )
    maintained_until: str | None = Field(
        default=None,
        pattern=f"^({SCS['maintained_until'].form})$",
        description="YYYY-MM-DD that the system's vendor gives.",
    )
    vendor: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,80}$",
        description="Who keeps the image: sets the tag managed_by_VENDOR.",
    )

    def properties(self, *, description: str, user: str, versioned: bool) -> Mapping[str, str]:
        """Return the image properties; ``versioned`` says that a new image gets a new name."""
        frequency = self.replace_frequency or (Frequency.NEVER if versioned else Frequency.CRITICAL_BUG)
        found = {
            "image_source": self.image_source,
            "image_description": self.image_description or description,
            "image_original_user": self.image_original_user or user,
            "replace_frequency": frequency.value,
            "provided_until": self.provided_until,
            "uuid_validity": self.uuid_validity,
        }
        if self.hotfix_hours is not None:
            found["hotfix_hours"] = str(self.hotfix_hours)
        if self.maintained_until:
            found["maintained_until"] = self.maintained_until
        return found

    @property
    def tags(self) -> tuple[str, ...]:
        return (f"managed_by_{self.vendor}",) if self.vendor else ()
