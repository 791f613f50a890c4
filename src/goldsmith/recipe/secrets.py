"""Secrets by reference: where a value is found, not the value."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticKnownError

from goldsmith.errors import Mark

KINDS = ("env", "file", "command")


@dataclass(frozen=True)
class Secret:
    """A reference such as ``env:RHSM_KEY``, ``file:PATH`` or ``command:pass show rhsm``."""

    reference: str
    mark: Mark | None = None

    @property
    def kind(self) -> str:
        return self.reference.partition(":")[0]

    @property
    def target(self) -> str:
        return self.reference.partition(":")[2]

    def __str__(self) -> str:
        return f"!secret {self.reference}"


def _text_or_secret(value: Any) -> str | Secret:
    if isinstance(value, str | Secret):
        return value
    raise PydanticKnownError("string_type")


TextOrSecret = Annotated[
    str | Secret,
    PlainValidator(_text_or_secret),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "description": "Text, or !secret env:NAME | file:PATH | command:PROGRAM"}
    ),
]
