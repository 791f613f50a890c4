"""The registry of the installed system: its hives as one tree of names."""

from pathlib import Path

from goldsmith.media.windows_setup.hive import Key, Value, dump, load

HIVES = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT", "COMPONENTS")
_ROOTS = {
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_CURRENT_USER": "HKCU",
    "HKEY_USERS": "HKU",
    "HKEY_CLASSES_ROOT": "HKCR",
}


class UnknownKeyError(KeyError):
    """A name of a key that is in none of the hives; ``str`` is what reg.exe says."""

    def __str__(self) -> str:
        return "ERROR: The system was unable to find the specified registry key or value."


class Registry:
    """``config`` is the folder of the hives; ``user`` the file of the one user's hive, which need not exist."""

    def __init__(self, config: Path, user: Path) -> None:
        self.config = config
        self.user = user
        self._hives: dict[str, Key] = {}

    def hive(self, name: str) -> Key:
        if name not in self._hives:
            file = self.user if name == "USER" else self.config / name
            self._hives[name] = load(file.read_bytes()) if file.exists() else Key("$$$PROTO.HIV")
        return self._hives[name]

    def find(self, path: str) -> tuple[Key, str]:
        r"""Return the hive of a full name such as HKLM\\SYSTEM\\Setup, and the name inside it."""
        root, _, rest = path.strip().strip("\\").partition("\\")
        short = _ROOTS.get(root.upper(), root.upper())
        first, _, inner = rest.partition("\\")
        if short == "HKCU":
            return self.hive("USER"), rest
        if short == "HKU" and first.upper() == ".DEFAULT":
            return self.hive("DEFAULT"), inner
        if short != "HKLM" or first.upper() not in HIVES:
            raise UnknownKeyError(path)
        if first.upper() == "SYSTEM":
            set_name, _, below = inner.partition("\\")
            if set_name.lower() == "currentcontrolset":
                inner = f"ControlSet001\\{below}"
        return self.hive(first.upper()), inner

    def key(self, path: str) -> Key | None:
        hive, inner = self.find(path)
        return hive.find(inner)

    def get(self, path: str, name: str) -> Value | None:
        hive, inner = self.find(path)
        return hive.get(inner, name)

    def text(self, path: str, name: str) -> str:
        value = self.get(path, name)
        return value.text() if value else ""

    def number(self, path: str, name: str) -> int | None:
        value = self.get(path, name)
        return value.number() if value else None

    def put(self, path: str, *values: Value) -> None:
        hive, inner = self.find(path)
        hive.put(inner, *values)

    def drop(self, path: str, name: str | None = None) -> bool:
        """Remove a key, or one value of it; say whether it was there.

        As in Windows, what was in a value stays in the file of the hive, in a cell that is in use no more.
        """
        hive, inner = self.find(path)
        place = hive.find(inner)
        if not place:
            return False
        if name is None:
            hive.freed += [
                value.data for _, key in (("", place), *place.walk()) for value in key.values.values()
            ]
            return hive.drop(inner)
        value = place.values.pop(name.lower(), None)
        hive.freed += [value.data] if value else []
        return bool(value)

    def save(self) -> None:
        """Write the hives that were read or changed."""
        for name, root in self._hives.items():
            file = self.user if name == "USER" else self.config / name
            if file.parent.is_dir():
                file.write_bytes(dump(root, name=name))
