"""The JSON Schemas of what commands print with ``--json``: a promise to scripts."""

from typing import Any

from goldsmith.recipe.channel_outputs import channel_outputs
from goldsmith.recipe.more_outputs import more_outputs

Schema = dict[str, Any]
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"], "minimum": 0}
DISK_FORMATS = ("raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso", "ami", "ari", "aki", "ploop")


def output_schemas() -> dict[str, Schema]:
    """Return one schema for each command, by the command's name."""
    schemas = {
        "doctor": _checks("Is this host fit?"),
        "audit": _checks("Does this image conform?"),
        "boot-test": _checks(
            "Does what this image boots into conform?",
            folder={**_TEXT, "description": "Where consoles, screens and the report lie."},
            kept={"type": "object", "description": "The guest that was left; empty where none was."},
        ),
        "inspect": _inspect(),
        "convert": _convert(),
        "image list": {"description": "The images of a catalog.", "type": "array", "items": _image()},
        "image show": _image(),
        "push": _push(),
        "recipes": _recipes(),
        "selftest": _selftest(),
        **channel_outputs(),
        **more_outputs(_image()),
        "keygen": _keygen(),
        "sign": {"description": "What was signed.", "type": "array", "items": _signed()},
        "verify": _verified(),
        "shell": _shell(),
    }
    return {name: {"$schema": _DRAFT, **schema} for name, schema in schemas.items()}


def _object(
    description: str, required: dict[str, Schema], optional: dict[str, Schema] | None = None
) -> Schema:
    return {
        "description": description,
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }


def _checks(description: str, **further: Schema) -> Schema:
    check = _object(
        "One check.",
        {
            "id": _TEXT,
            "status": {
                **_TEXT,
                "description": "ok, warning, fail; of an audit ok, warning, failed, waived, skipped.",
            },
            "detail": _TEXT,
            "fix": {**_TEXT, "description": "What to do; empty when there is nothing to do."},
        },
    )
    return _object(description, {"checks": {"type": "array", "items": check}, **further})


def _convert() -> Schema:
    names = {
        "file": _TEXT,
        "format": {"enum": list(DISK_FORMATS)},
        "size": {**_COUNT, "description": "Bytes."},
    }
    part = _object("A part taken out of a disk.", {**names, "origin": _TEXT})
    return _object(
        "What was written.",
        {
            **names,
            "virtual_size": {**_COUNT, "description": "Bytes of the disk in it."},
            "virtual_size_before": {**_COUNT, "description": "A format may round up."},
            "passed_through": {"type": "boolean", "description": "The same bytes as before."},
            "parts": {"type": "array", "items": part, "description": "Of ami, aki and ari."},
        },
        {"kernel_chosen_by": {**_TEXT, "description": "The rule that chose kernel and ramdisk."}},
    )


def _partition() -> Schema:
    return _object(
        "One partition.",
        {
            "number": _COUNT,
            "start": {**_COUNT, "description": "Bytes from the begin of the disk."},
            "size": {**_COUNT, "description": "Bytes."},
            "type": _TEXT,
            "bootable": {"type": "boolean"},
            "name": _TEXT,
        },
    )


def _inspect() -> Schema:
    snapshot = _object("An internal snapshot.", {"id": _TEXT, "name": _TEXT})
    return _object(
        "What an image file is, by its content.",
        {
            "format": {"enum": [*DISK_FORMATS, None]},
            "virtual_size": {**_COUNT_OR_NULL, "description": "Bytes."},
            "safe": {"type": "boolean", "description": "No problem was found; else the exit status is 5."},
            "problems": {"type": "array", "items": _TEXT},
        },
        {
            "name": _TEXT,
            "container": {**_TEXT, "description": "What it is where the Image API has no name: luks, qed."},
            "size": {**_COUNT, "description": "Bytes of the file."},
            "allocated_size": {**_COUNT_OR_NULL, "description": "Bytes on disk; null for a URL."},
            "cluster_size": {**_COUNT_OR_NULL, "description": "Bytes of a cluster, grain or block."},
            "compression": {
                **_TEXT_OR_NULL,
                "description": "Of what is compressed in it; null if nothing is.",
            },
            "backing_file": _TEXT_OR_NULL,
            "data_file": _TEXT_OR_NULL,
            "encryption": _TEXT_OR_NULL,
            "snapshots": {"type": "array", "items": snapshot},
            "partition_table": {"enum": ["gpt", "mbr", None]},
            "partitions": {"type": "array", "items": _partition()},
            "details": {
                "type": "object",
                "description": "Facts of this format alone; docs/formats.md names them.",
            },
            "properties": {
                "type": "object",
                "additionalProperties": _TEXT,
                "description": "Image properties that follow, such as vmware_disktype.",
            },
            "checked": {"type": "boolean", "description": "qemu-img has read all its tables."},
            "damaged": {"type": "boolean", "description": "Some of the problems are damage, not danger."},
            "notes": {"type": "array", "items": _TEXT},
        },
    )


def _image() -> Schema:
    return _object(
        "An image, by the names of the Image API v2.",
        {
            "id": _TEXT,
            "name": _TEXT_OR_NULL,
            "status": {
                "enum": [
                    "queued",
                    "saving",
                    "active",
                    "deactivated",
                    "deleted",
                    "pending_delete",
                    "killed",
                    "importing",
                ]
            },
            "visibility": {"enum": ["private", "public", "shared", "community"]},
            "protected": {"type": "boolean"},
            "disk_format": {"enum": [*DISK_FORMATS, None]},
            "container_format": _TEXT_OR_NULL,
            "size": {**_COUNT_OR_NULL, "description": "Bytes of the file."},
            "virtual_size": {**_COUNT_OR_NULL, "description": "Bytes of the disk."},
            "checksum": {**_TEXT_OR_NULL, "description": "MD5, as the API has it."},
            "os_hash_algo": _TEXT_OR_NULL,
            "os_hash_value": _TEXT_OR_NULL,
            "min_disk": {**_COUNT, "description": "GiB."},
            "min_ram": {**_COUNT, "description": "MiB."},
            "tags": {"type": "array", "items": _TEXT},
            "created_at": _TEXT,
            "updated_at": _TEXT,
        },
        {"properties": {"type": "object", "additionalProperties": _TEXT}},
    )


def _push() -> Schema:
    pushed = _object(
        "One image that is in the catalog now.",
        {
            "catalog": _TEXT,
            "sent": {"type": "boolean", "description": "false: it was there already."},
            "converted": {"type": "boolean", "description": "true: the catalog wants another format."},
            "image": _image(),
        },
    )
    return {"description": "What was brought into a catalog.", "type": "array", "items": pushed}


def _recipes() -> Schema:
    names = ("name", "family", "summary", "path")
    problem = {"problem": {**_TEXT, "description": "Why it cannot be read; absent when it can."}}
    recipe = _object("One recipe.", dict.fromkeys(names, _TEXT), problem)
    return {"description": "What can be built here.", "type": "array", "items": recipe}


def _shell() -> Schema:
    return _object(
        "The guest of a build, or of a boot test, and the ways to it.",
        {
            "build": _TEXT,
            "domain": {**_TEXT, "description": "Its name for libvirt."},
            "state": {"enum": ["running", "paused", "crashed"]},
            "kept": {"type": "boolean", "description": "Of a build that failed; else it is being built."},
            "stage": {**_TEXT, "description": "What failed, where it was kept."},
            "screen": {**_TEXT, "description": "The socket or the address of its VNC."},
            "console": {**_TEXT, "description": "The file with what its serial port has said."},
            "ssh": {"type": "array", "items": _TEXT, "description": "A command for it; empty without SSH."},
        },
        {"exit_code": _COUNT, "lines": {"type": "array", "items": _TEXT}},
    )


def _selftest() -> Schema:
    facts: Schema = {"type": "object"}
    return _object(
        "What a self-test found; the same document is in its archive.",
        {
            "family": _TEXT,
            "goldsmith": _TEXT,
            "build": _TEXT,
            "ok": {"type": "boolean"},
            "exit_code": _COUNT,
            "error": _TEXT,
            "host": facts,
            "tools": {"type": "object", "additionalProperties": _TEXT},
            "medium": facts,
            "stages": {"type": "array", "items": facts},
            "audit": {"type": ["object", "null"], "description": "As `audit --json`; null if not reached."},
            "boot_test": _object(
                "Whether the image was booted, and what came up.",
                {
                    "ran": {"type": "boolean"},
                    "passed": {"type": ["boolean", "null"], "description": "null if it was not run."},
                    "why": _TEXT,
                    "report": {"type": ["object", "null"], "description": "As `boot-test --json`."},
                },
            ),
            "archive": {**_TEXT, "description": "The file to send back."},
        },
    )


def _keygen() -> Schema:
    names = ("key", "certificate", "type", "subject", "sha256", "until")
    return _object(
        "A key and its new certificate; sha256 is the certificate's.",
        {
            **dict.fromkeys(names, _TEXT),
            "made": {"type": "boolean", "description": "Whether the key is new."},
        },
    )


def _signed() -> Schema:
    names = ("img_signature", "img_signature_hash_method", "img_signature_key_type", "certificate")
    return _object(
        "One image with its signature.",
        {
            "subject": _TEXT,
            "file": _TEXT,
            "size": _COUNT,
            "sha256": _TEXT,
            **dict.fromkeys(names, _TEXT),
            "img_signature_certificate_uuid": {**_TEXT_OR_NULL, "description": "null until it is published."},
        },
    )


def _verified() -> Schema:
    status: Schema = {"enum": ["ok", "failed", "skipped"]}
    row = _object(
        "One fact.", {"subject": _TEXT, "id": _TEXT, "status": status, "detail": _TEXT, "fix": _TEXT}
    )
    return _object(
        "Is an image what it should be?",
        {"subject": _TEXT, "ok": {"type": "boolean"}, "checks": {"type": "array", "items": row}},
    )
