"""What a recipe says about a scan with OpenSCAP."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from goldsmith.recipe.parts import Part

_ID = r"^[A-Za-z0-9._:-]+$"


class OpenScap(Part):
    """A scan of the finished image, offline, whose result is kept with it."""

    content: Annotated[Path, Field(strict=False)] = Field(
        description="SCAP data stream or XCCDF file: beside the recipe, or such as "
        "/usr/share/xml/scap/ssg/content/ssg-rhel7-ds.xml."
    )
    profile: str = Field(
        pattern=_ID, description="Id of the profile; `oscap info --profiles CONTENT` lists them."
    )
    tailoring: Annotated[Path, Field(strict=False)] | None = Field(
        default=None, description="XCCDF tailoring file, whose profile may then be named."
    )
    minimum_score: Annotated[float, Field(strict=False, ge=0, le=100)] | None = Field(
        default=None,
        description="Percent below which the build ends; when not said, the result is only kept.",
    )
