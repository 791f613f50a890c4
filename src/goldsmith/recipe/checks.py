"""What a recipe says about the checks that its image must pass."""

import re
from typing import Annotated

from pydantic import Field, field_validator

from goldsmith.recipe.choices import Metadata
from goldsmith.recipe.parts import Part
from goldsmith.recipe.quantities import Many, Time, refuse


class Waiver(Part):
    """A check that may fail, and why."""

    check: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="Id of the check, as the report shows it.")
    reason: str = Field(min_length=10, description="Why this image may fail it; it goes into the report.")


class Checks(Part):
    """Which checks the image must pass."""

    profile: str | None = Field(default=None, description="Set of checks; the family's when not given.")
    waivers: Many[Waiver] = ()


class OwnCheck(Part):
    """A check of the recipe's own, run as root in the first boot of the finished image."""

    name: str | None = Field(default=None, min_length=1, description="Its title in reports.")
    run: str = Field(min_length=1, description="A script: sh, on Windows PowerShell. It has to end with 0.")
    expect: str | None = Field(
        default=None, min_length=1, description="A regular expression that its output has to hold."
    )
    timeout: Time = Field(default=120.0, description="How long it may take.")

    @field_validator("expect")
    @classmethod
    def _is_an_expression(cls, text: str | None) -> str | None:
        try:
            re.compile(text or "")
        except re.error as error:
            raise refuse(
                f"{text!r} is no regular expression: {error}", "write . * ( ) [ ] as \\. and so on"
            ) from None
        return text


class BootTest(Checks):
    """Whether and how the finished image is booted before it is registered."""

    enabled: bool = Field(
        default=True, description="Boot it twice, as a cloud does; else only the audit looks at it."
    )
    checks: Many[OwnCheck] = ()
    timeout: Time | None = Field(default=None, description="From power-on until the guest lets us in.")
    metadata: Annotated[Metadata, Field(strict=False)] = Field(
        default=Metadata.BOTH,
        description="From where the two instances are told who they are: both is a config drive for the first, and "
        "the metadata service at 169.254.169.254 for the second.",
    )
