"""What the state of a recipe means for each image: the properties that consumers ask for, and who may see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from goldsmith.catalog.entry import VERSION, Image, Status
from goldsmith.catalog.rules import CHANNEL, REVOKED
from goldsmith.promote.event import Kind, State, Step
from goldsmith.recipe.promotion import ChannelPart

PROTECTS = "goldsmith_protected_by_channel"  # so that the protection is given back when the image leaves


@dataclass(frozen=True)
class Marks:
    """What must change on one image; None leaves a field as it is."""

    set_properties: Mapping[str, str] = field(default_factory=dict)
    unset_properties: frozenset[str] = frozenset()
    visibility: str | None = None
    protected: bool | None = None
    hidden: bool | None = None
    active: bool | None = None
    delete: bool = False

    @property
    def nothing(self) -> bool:
        return self == Marks()

    @property
    def gives(self) -> bool:
        """Say whether this brings something to consumers, so that it must come before what takes away."""
        return any(name.startswith(CHANNEL) for name in self.set_properties)


def needed(image: Image, state: State, channels: Sequence[ChannelPart]) -> Marks:
    """Return what must change on an image so that it says what the state says; nothing when it does already."""
    version = image.properties.get(VERSION, "")
    held = state.channels_of(version)
    wanted = {f"{CHANNEL}{channel}": state.recipe for channel in held}
    parts = [one for one in channels if one.name in held]
    protecting = any(one.protected for one in parts)
    if protecting and (not image.protected or PROTECTS in image.properties):
        wanted[PROTECTS] = "yes"
    if revoked := state.revoked.get(version):
        wanted[REVOKED] = revoked.reason
    ours = {
        name: value
        for name, value in image.properties.items()
        if name.startswith(CHANNEL) or name in (PROTECTS, REVOKED)
    }
    visibility = next((one.visibility.value for one in reversed(parts) if one.visibility), None)
    return Marks(
        set_properties={name: value for name, value in wanted.items() if ours.get(name) != value},
        unset_properties=frozenset(ours.keys() - wanted.keys()),
        visibility=visibility if visibility != image.visibility.value else None,
        protected=_protected(image, protecting=protecting),
        hidden=_hidden(image, state, version, channels, held=bool(held)),
        active=_active(image, state, version, held=bool(held)),
        delete=_deleted(image, state, version) and not held,
    )


def _protected(image: Image, *, protecting: bool) -> bool | None:
    if protecting and not image.protected:
        return True
    if not protecting and image.protected and PROTECTS in image.properties:
        return False
    return None


def _hidden(
    image: Image, state: State, version: str, channels: Sequence[ChannelPart], *, held: bool
) -> bool | None:
    if held:
        return False if image.hidden else None
    last = state.retired.get(version)
    left = {one.channel for one in state.stays if one.version == version}
    away = (
        last is not None
        or version in state.revoked
        or any(one.hide_left for one in channels if one.name in left)
    )
    if away:
        return None if image.hidden else True
    return False if image.hidden and state.just(Kind.RESTORED, version) else None


def _active(image: Image, state: State, version: str, *, held: bool) -> bool | None:
    last = state.retired.get(version)
    off = version in state.revoked or (last is not None and last.step != Step.HIDDEN)
    if off and not held:
        return False if image.status is Status.ACTIVE else None
    return True if image.status is Status.DEACTIVATED and state.just(Kind.RESTORED, version) else None


def _deleted(image: Image, state: State, version: str) -> bool:
    last = state.retired.get(version)
    final = last is not None and last.step == Step.DELETED
    return final and not image.protected and state.just(Kind.RETIRED, version)
