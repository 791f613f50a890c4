"""The tables of the embedded catalog for versions, their evidence, and what happened to them in channels."""

from collections.abc import Sequence

# What was released is never edited: a change is another entry in MIGRATIONS (index.py).
VERSIONS_AND_CHANNELS: Sequence[str] = (
    # A number that was given out stays given out, also when its build fails or its images are purged.
    """CREATE TABLE versions (
        recipe TEXT NOT NULL,
        day TEXT NOT NULL,
        number INTEGER NOT NULL CHECK (number > 0),
        PRIMARY KEY (recipe, day, number)
    )""",
    """CREATE TABLE evidence (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
        recorded_at TEXT NOT NULL,
        recorded_by TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        summary TEXT NOT NULL
    )""",
    "CREATE INDEX evidence_by_image ON evidence (image_id)",
    # Only ever added to. The number counts per recipe, so that of two writers the second breaks a rule.
    """CREATE TABLE channel_events (
        recipe TEXT NOT NULL,
        number INTEGER NOT NULL CHECK (number > 0),
        document TEXT NOT NULL,
        PRIMARY KEY (recipe, number)
    )""",
)
