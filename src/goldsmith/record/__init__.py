"""The record of builds: a folder each, written while the build runs, read by every other command."""

from goldsmith.record.damage import damage_of
from goldsmith.record.history import History, read_history
from goldsmith.record.reading import BuildSummary, find, read_builds, summary_of
from goldsmith.record.story import BuildState, StageLine, StageState, Story
from goldsmith.record.wire import Told, as_json, events_from, from_json, to_line
from goldsmith.record.writing import BuildRecord

__all__ = [
    "BuildRecord",
    "BuildState",
    "BuildSummary",
    "History",
    "StageLine",
    "StageState",
    "Story",
    "Told",
    "as_json",
    "damage_of",
    "events_from",
    "find",
    "from_json",
    "read_builds",
    "read_history",
    "summary_of",
    "to_line",
]
