"""What ``goldsmith.yaml`` says of the nightly builds, and who is told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from goldsmith.recipe.parts import Part
from goldsmith.recipe.quantities import Many, Size, Time, refuse

RECIPE = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class Prune(Part):
    """What is removed from the store after a night; entries that a build still uses stay."""

    older_than_days: Annotated[float, Field(strict=False, ge=0)] | None = Field(
        default=30.0, description="Entries made, and media got, longer ago than that."
    )
    to_size: Size | None = Field(
        default=None, description="The oldest entries and media, until no more is left."
    )


class Nightly(Part):
    """The nightly builds of all recipes."""

    recipes: Many[RECIPE] = Field(default=(), description="Which; all of the project when not said.")
    values: dict[RECIPE, dict[str, str]] = Field(
        default={}, description="Variables of recipes: rhel7: {iso: /media/rhel7.iso}."
    )
    jobs: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        default="auto", description="Builds at once; auto: as many as processors, memory and disk allow."
    )
    boot_test: bool = Field(default=True, description="Boot each image, also of recipes that leave it out.")
    promote_to: str | None = Field(
        default="candidate", description="Channel that what passed its gates enters; null for none."
    )
    retries: Annotated[int, Field(ge=0, le=5)] = Field(
        default=1, description="Further tries after a failure of the network."
    )
    retry_after: Time = Field(default=60.0, description="How long to wait before such a try.")
    prune: Prune | None = Field(default=Prune(), description="What to remove afterwards; null for nothing.")
    retire: bool = Field(default=False, description="Carry `goldsmith retire --apply` out afterwards.")


class Notify(Part):
    """Who is told how a night ended; the result is given as JSON."""

    when: Literal["always", "failure"] = Field(default="failure", description="Always, or after a failure.")
    command: Many[str] = Field(default=(), description="A program with its arguments; JSON on its stdin.")
    webhook: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="An address that gets the JSON by POST."
    )

    @model_validator(mode="after")
    def _somebody(self) -> "Notify":
        if not self.command and not self.webhook:
            raise refuse("notify tells nobody", "give command: [PROGRAM, ARGUMENT] or webhook: URL")
        return self
