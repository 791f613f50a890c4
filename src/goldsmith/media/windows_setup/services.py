"""sc.exe and net.exe: services and users."""

import re

from goldsmith.media.windows_setup import accounts
from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.hive import EXPAND_SZ, dword, string
from goldsmith.media.windows_setup.shell import Call
from goldsmith.media.windows_setup.system import SERVICES, System

STARTS = {"boot": 0, "system": 1, "auto": 2, "demand": 3, "disabled": 4, "delayed-auto": 2}
_MISSING = 1060


def sc(call: Call) -> int:
    words = list(call.args)
    if not words:
        raise UnsupportedError("sc without a command")
    verb, name = words[0].lower(), words[1] if len(words) > 1 else ""
    if verb != "create" and call.system.registry.key(f"{SERVICES}\\{name}") is None:
        call.say(f"[SC] OpenService FAILED {_MISSING}:\r\n")
        call.say("The specified service does not exist as an installed service.\r\n")
        return _MISSING
    match verb:
        case "config" | "create":
            return _configure(call, verb, name, words[2:])
        case "delete":
            call.system.registry.drop(f"{SERVICES}\\{name}")
        case "query":
            state = "4  RUNNING" if is_running(call.system, name) else "1  STOPPED"
            call.say(f"\r\nSERVICE_NAME: {name}\r\n        STATE              : {state}")
        case "qc":
            start = call.system.registry.number(f"{SERVICES}\\{name}", "Start")
            kind = next((key for key, value in STARTS.items() if value == start), "").upper()
            call.say(f"SERVICE_NAME: {name}\r\n        START_TYPE         : {start}   {kind}_START")
        case "start":
            return start_service(call, name)
        case "stop":
            return stop_service(call, name)
        case "failure" | "description" | "sdset" | "triggerinfo":
            return 0
        case _:
            raise UnsupportedError(f"sc {verb}")
    return 0


def _configure(call: Call, verb: str, name: str, words: list[str]) -> int:
    options = {}
    while words:
        key, equals, value = words.pop(0).partition("=")
        if not equals:
            raise UnsupportedError(f"sc {verb}: the option {key} lacks its =")
        options[key.lower()] = value or (words.pop(0) if words else "")
    for key, value in options.items():
        place = f"{SERVICES}\\{name}"
        if key == "start":
            if value.lower() not in STARTS:
                return 1639
            call.system.registry.put(place, dword("Start", STARTS[value.lower()]))
        elif key == "binpath":
            call.system.registry.put(place, string("ImagePath", value, kind=EXPAND_SZ))
        elif key == "obj":
            call.system.registry.put(place, string("ObjectName", value))
        elif key in ("displayname", "depend", "password", "type"):
            call.system.registry.put(
                place, string(key, value) if key == "depend" else string("DisplayName", name)
            )
        else:
            raise UnsupportedError(f"sc {verb} {key}=")
    call.say(f"[SC] {'ChangeServiceConfig' if verb == 'config' else 'CreateService'} SUCCESS")
    return 0


def is_running(system: System, name: str) -> bool:
    return (system.running / name.lower()).exists()


def set_running(system: System, name: str, *, running: bool) -> None:
    system.running.mkdir(parents=True, exist_ok=True)
    if running:
        (system.running / name.lower()).touch()
    else:
        (system.running / name.lower()).unlink(missing_ok=True)


def start_service(call: Call, name: str) -> int:
    if call.system.registry.number(f"{SERVICES}\\{name}", "Start") == STARTS["disabled"]:
        call.complain("The service cannot be started, because it is disabled.")
        return 1058
    set_running(call.system, name, running=True)
    return 0


def stop_service(call: Call, name: str) -> int:
    if not is_running(call.system, name):
        call.complain(f"The {name} service is not started.")
        return 1062
    set_running(call.system, name, running=False)
    return 0


def exists(system: System, name: str) -> bool:
    return system.registry.key(f"{SERVICES}\\{name}") is not None


def net(call: Call) -> int:
    words = list(call.args)
    match [word.lower() for word in words[:1]]:
        case ["start" | "stop"]:
            return _net_service(call, words[0].lower(), words[1] if len(words) > 1 else "")
        case ["user"]:
            return _net_user(call, words[1:])
        case ["localgroup"] if len(words) >= 4 and words[-1].lower() in ("/add", "/delete"):
            return 0 if accounts.find(call.system.registry, words[2]) else 2
        case ["accounts"] if len(words) > 1 and re.match(r"(?i)/(maxpwage|minpwlen)", words[1]):
            return 0
    raise UnsupportedError(f"net {call.raw.strip()}")


def _net_service(call: Call, verb: str, name: str) -> int:
    if not exists(call.system, name):
        call.complain(
            "The service name is invalid.\r\n\r\nMore help is available by typing NET HELPMSG 2185."
        )
        return 2
    code = start_service(call, name) if verb == "start" else stop_service(call, name)
    if code == 0:
        ending = "was started" if verb == "start" else "was stopped"
        call.say(f"The {name} service {ending} successfully.")
    return 2 if code else 0


def _net_user(call: Call, words: list[str]) -> int:
    registry, flags = call.system.registry, [word.lower() for word in words if word.startswith("/")]
    names = [word for word in words if not word.startswith("/")]
    if not names:
        for name in accounts.names(registry):
            call.say(name)
        return 0
    if "/add" in flags:
        accounts.add(registry, names[0])
        return 0
    if accounts.find(registry, names[0]) is None:
        call.complain(
            "The user name could not be found.\r\n\r\nMore help is available by typing NET HELPMSG 2221."
        )
        return 2
    for flag in flags:
        if flag == "/delete":
            accounts.remove(registry, names[0])
        elif flag.startswith("/active:"):
            accounts.set_active(registry, names[0], active=flag.endswith("yes"))
        elif not flag.startswith(
            ("/expires", "/passwordchg", "/logonpasswordchg", "/passwordreq", "/comment")
        ):
            raise UnsupportedError(f"net user {flag}")
    call.say("The command completed successfully.")
    return 0
