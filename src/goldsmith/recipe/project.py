"""What ``goldsmith.yaml`` says for all recipes of a project. Each section is a Part of its own."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, ValidationError, model_validator

from goldsmith.errors import Mark, RecipeError, RecipeErrors
from goldsmith.recipe.marks import Node, locate, read_nodes
from goldsmith.recipe.nightly import Nightly, Notify
from goldsmith.recipe.parts import Part
from goldsmith.recipe.problems import problems_of
from goldsmith.recipe.promotion import CHANNELS, ChannelPart, Retention, check_channels
from goldsmith.recipe.quantities import Many, Size, Time, refuse
from goldsmith.recipe.signing import Signing
from goldsmith.recipe.words import Format, Visibility

FILE = "goldsmith.yaml"
LOCAL = "local"  # the embedded catalog, which needs no section
CATALOG_NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"


class Patience(Part):
    """How long to wait for a Glance; seconds."""

    answer: Time = Field(
        default=120.0, description="Until a question that may be repeated is answered, all attempts together."
    )
    stall: Time = Field(default=300.0, description="During an upload, without a byte being taken or sent.")
    task: Time = Field(default=3600.0, description="Until the server has ended an import.")


class CloudCatalog(Part):
    """A Glance, and how images for it are to be."""

    cloud: str = Field(min_length=1, description="Name of the cloud in clouds.yaml.")
    region: str | None = Field(default=None, min_length=1, description="Its region, where it has several.")
    format: Annotated[Format, Field(strict=False)] | None = Field(
        default=None,
        description="Format that the cloud wants: raw for Ceph, else qcow2. As built when not said.",
    )
    visibility: Annotated[Visibility, Field(strict=False)] | None = Field(
        default=None, description="Who may see the images there; the recipe's when not said."
    )
    store: str | None = Field(default=None, min_length=1, description="Store that takes the bytes.")
    stores: Many[str] = Field(default=(), description="Stores that get a copy of each image after that.")
    import_method: Literal["glance-direct"] | None = Field(
        default=None,
        description="Let the server import the image (and convert it); a plain upload when not said.",
    )
    signatures: bool = Field(
        default=True,
        description="Upload signed images with their signature; false for a cloud without a key manager.",
    )
    attempts: int = Field(
        default=3,
        ge=1,
        le=10,
        description="Uploads that are begun anew, each as a new image, before giving up.",
    )
    largest: Size | None = Field(
        default=None,
        description="Largest image that the cloud takes (image_size_cap, which Glance tells nobody beforehand).",
    )
    timeouts: Patience = Patience()


class Project(Part):
    """All that goldsmith.yaml says; every section may be left out."""

    catalog: str = Field(
        default=LOCAL,
        pattern=CATALOG_NAME,
        description="Catalog that commands use when --catalog is not given.",
    )
    catalogs: dict[Annotated[str, Field(pattern=CATALOG_NAME)], CloudCatalog] = Field(
        default={}, description="Catalogs by their names here; the embedded one is always there as local."
    )
    signing: Signing | None = Field(default=None, description="Who signs the images; nobody when not said.")

    nightly: Nightly = Nightly()
    notify: Notify | None = Field(default=None, description="Who is told how a night ended.")
    channels: Annotated[Many[ChannelPart], AfterValidator(check_channels)] = Field(
        default=CHANNELS, description="Channels in order; builds enter the first one by themselves."
    )
    retention: Retention = Retention()

    _node: Node | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _one_local(self) -> Self:
        if LOCAL in self.catalogs:
            raise refuse(f"catalogs.{LOCAL} is the embedded catalog", "give the cloud's catalog another name")
        return self

    def at(self, *path: str | int) -> Mark | None:
        """Return where ``path`` was said, or what is nearest; None when there is no goldsmith.yaml."""
        return locate(self._node, path) if self._node else None


def load_project(folder: Path | None) -> Project:
    """Read the project's goldsmith.yaml; without one, all is as the defaults say.

    Raises RecipeError for one problem and RecipeErrors for several.
    """
    path = folder / FILE if folder else None
    if path is None or not path.exists():
        return Project()
    problems: list[RecipeError] = []
    root = read_nodes(path, problems)
    try:
        project = Project.model_validate(root.bare())
    except ValidationError as error:
        problems += problems_of(error, root, model=Project)
    if problems:
        raise problems[0] if len(problems) == 1 else RecipeErrors(problems)
    project._node = root
    return project


def project_schema() -> dict[str, Any]:
    """Return the JSON Schema of goldsmith.yaml, for editors."""
    schema = Project.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Goldsmith project"
    schema["description"] = "What holds for all recipes of a project."
    return schema
