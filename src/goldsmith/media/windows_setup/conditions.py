"""The conditions of ``if`` and what ``for`` goes through."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from goldsmith.media.windows_setup.batch import For, If, UnsupportedError
from goldsmith.media.windows_setup.words import split_words

if TYPE_CHECKING:
    from goldsmith.media.windows_setup.shell import Shell


def holds(shell: "Shell", node: If) -> bool:
    kind, *words = node.words
    match kind:
        case "exist":
            found = shell.system.drives.exists(words[0], shell.folder)
        case "errorlevel":
            found = shell.level >= int(words[0])
        case "defined":
            found = words[0].upper() in {**shell.system.environment, **shell.variables}
        case "==":
            first, second = (one.lower() if node.any_case else one for one in words)
            found = first == second
        case _:
            found = _compared(kind, *words, any_case=node.any_case)
    return found != node.negated


def _compared(kind: str, first: str, second: str, *, any_case: bool) -> bool:
    try:
        order = int(first) - int(second)
    except ValueError:
        one, two = (first.lower(), second.lower()) if any_case else (first, second)
        order = (one > two) - (one < two)
    return {
        "equ": order == 0,
        "neq": order != 0,
        "lss": order < 0,
        "leq": order <= 0,
        "gtr": order > 0,
        "geq": order >= 0,
    }[kind]


def items_of(shell: "Shell", node: For) -> Iterator[str]:
    match node.mode:
        case "":
            for word in split_words(node.items.replace(",", " "), keep_quotes=True):
                if "*" in word or "?" in word:
                    drives = shell.system.drives
                    for place in list(drives.matches(word, shell.folder)):
                        yield drives.name_of(place)
                else:
                    yield word
        case "/l":
            start, step, end = (int(one) for one in node.items.replace(" ", "").split(","))
            yield from (str(one) for one in range(start, end + (1 if step > 0 else -1), step))
        case _:
            raise UnsupportedError(f"for {node.mode}")
