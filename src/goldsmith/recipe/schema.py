"""The JSON Schema of recipes, for editors: what the model says, and what the reader allows besides."""

from typing import Any

from goldsmith.recipe.model import Recipe

Schema = dict[str, Any]
TEMPLATE: Schema = {"type": "string", "pattern": r"\{\{|\{%"}  # any value may be a text with variables
_KEPT = {"name", "extends", "family"}  # these are read before variables are known


def recipe_schema() -> Schema:
    """Return the schema of what stands in a file, where defaults may come from the family or a parent."""
    schema = Recipe.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Goldsmith recipe"
    schema["description"] = "One guest image: what it is made from, what is in it, how it is published."
    schema["required"] = ["name"]
    definitions = schema.get("$defs", {})
    for part in (schema, *definitions.values()):
        _open_part(part)
    _shorthands(definitions)
    return schema


def _open_part(part: Schema) -> None:
    part.pop("title", None) if part.get("type") != "object" else None
    for name, one in part.get("properties", {}).items():
        one.pop("title", None)
        if name not in _KEPT:
            part["properties"][name] = _open_value(one)


def _open_value(schema: Schema) -> Schema:
    """Let a value also be a text with variables, and a list also be ``{append: [...]}``."""
    kept = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    choices = schema.pop("anyOf", None) or [schema]
    lists = [one for one in choices if one.get("type") == "array"]
    for one in lists:
        item = one.get("items", {})
        one["items"] = item if "$ref" in item else _open_value(item) if item else {}
    opened = [*choices, *(_appended(one) for one in lists)]
    if not all(_takes_template(one) for one in choices):
        opened.append(TEMPLATE)
    if kept.get("default", "") is None:
        kept.pop("default")
    return {**kept, **(opened[0] if len(opened) == 1 else {"anyOf": opened})}


def _appended(schema: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"append": {"type": "array", "items": schema["items"]}},
        "required": ["append"],
        "additionalProperties": False,
    }


def _takes_template(schema: Schema) -> bool:
    if "$ref" in schema:
        return False
    kind = schema.get("type")
    return kind in ("object", "null") or (
        kind == "string" and not {"pattern", "const", "format"} & schema.keys()
    )


def _shorthands(definitions: dict[str, Schema]) -> None:
    """Add the short forms that the model turns into long ones."""
    step, cloud = definitions["Step"]["properties"], definitions["CloudInit"]["properties"]
    for name in ("drivers", "cloudbase_init", "guest_agent"):
        definitions["Windows"]["properties"][name]["anyOf"].append({"type": "string"})
    step["run"] = {
        "anyOf": [{"$ref": "#/$defs/Run"}, {"type": "string"}],
        "description": step["run"]["description"],
    }
    for name in ("add_module", "default_user"):
        cloud[name]["anyOf"].append({"type": "string"})
