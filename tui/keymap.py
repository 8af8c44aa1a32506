"""The person's own keys, `$XDG_CONFIG_HOME/dltui/keys.toml`: reading them, checking them, and a file to start from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from engine.errors import nearest
from engine.preferences import keys_path

if TYPE_CHECKING:
    from textual.dom import DOMNode

EVERYWHERE = ("app.", "list.", "pane.")
"""Bindings with such ids work beside those of any screen."""
_MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")


def read() -> tuple[dict[str, str], str]:
    """(id to keys as they are written, what is wrong with the file); nothing at all without a file."""
    file = keys_path()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, ""
    except (OSError, UnicodeDecodeError) as error:
        return {}, f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}"
    import tomli

    from engine.merge import flatten

    try:
        table = flatten(tomli.loads(text))
    except tomli.TOMLDecodeError as error:
        return {}, f"{file}: {error}"
    wrong = [name for name, value in table.items() if not isinstance(value, str)]
    said = f'{file}: {wrong[0]} is no text; write it such as "ctrl+x" or "d,delete"' if wrong else ""
    return {name: value for name, value in table.items() if isinstance(value, str)}, said


def usable(given: Mapping[str, str]) -> dict[str, str]:
    """What of the keys can be used: those whose names are known, as Textual writes them."""
    found = {}
    for name, text in given.items():
        keys = [normal(key) for key in split(text)]
        good = [key for key in keys if known_key(key)]
        if good:
            found[name] = ",".join(good)
    return found


def split(text: str) -> list[str]:
    """The keys of a list such as `d,delete`; a comma alone is the comma key."""
    if text.strip() == ",":
        return ["comma"]
    return [key.strip() for key in text.split(",") if key.strip()]


def normal(key: str) -> str:
    """A key as Textual names it: `?` is question_mark, `shift+d` is D."""
    from textual.keys import _character_to_key

    *above, last = key.split("+") if len(key) > 1 else [key]
    if above == ["shift"] and len(last) == 1 and last.isalpha():
        return last.upper()
    last = _character_to_key(last) if len(last) == 1 else last
    return "+".join([*above, last])


def known_key(key: str) -> bool:
    """Whether there is a key of that name."""
    from textual.keys import KEY_NAME_REPLACEMENTS, Keys, key_to_character

    *above, last = key.split("+")
    if not last or any(modifier not in _MODIFIERS for modifier in above):
        return False
    names = {*Keys, *KEY_NAME_REPLACEMENTS.values()}
    return key in names or last in names or len(last) == 1 or key_to_character(last) is not None


def _key_names() -> list[str]:
    from textual.keys import Keys

    more = ("question_mark", "slash", "asterisk", "plus", "minus", "full_stop", "comma", "exclamation_mark")
    return [*(key.value for key in Keys if "<" not in key.value), *more]


class Known(msgspec.Struct):
    """One binding of the program: its keys, what it does, and in which classes it stands."""

    name: str
    keys: list[str] = msgspec.field(default_factory=list)
    does: str = ""
    owners: set[type[DOMNode]] = msgspec.field(default_factory=set)


def known() -> dict[str, Known]:
    """All bindings with an id; imports every screen and widget, so not for the moment of starting."""
    import importlib
    import pkgutil

    from textual.dom import DOMNode

    import tui.screens
    import tui.widgets

    for package in (tui.screens, tui.widgets):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    importlib.import_module("tui.app")
    found: dict[str, Known] = {}
    for owner in _below(DOMNode):
        if owner.__module__.startswith("tui."):
            _collect(owner, found)
    return dict(sorted(found.items()))


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _collect(owner: type[DOMNode], found: dict[str, Known]) -> None:
    for key, binding in owner._merge_bindings():
        if binding.id:
            entry = found.setdefault(binding.id, Known(binding.id, does=binding.tooltip or binding.description))
            entry.owners.add(owner)
            if key not in entry.keys:
                entry.keys.append(key)


def problems(given: Mapping[str, str]) -> list[str]:
    """What is wrong with a person's keys, a sentence each: unknown ids, unknown keys, two uses of one key."""
    bindings = known()
    said = []
    for name, text in given.items():
        if name not in bindings:
            said.append(f"{name}: there is no such key binding; {nearest(name, list(bindings)[:600])}")
            continue
        if not split(text):
            said.append(f"{name}: no key is named; it keeps {','.join(bindings[name].keys)}")
        for key in split(text):
            if not known_key(normal(key)):
                said.append(f"{name}: there is no key {key!r}; {_nearest_key(key)}")
    return said + list(_conflicts(usable(given), bindings))


def _nearest_key(key: str) -> str:
    words = nearest(key, _key_names())
    return words if words.startswith("did") else "such as d, D, ctrl+d, f2, delete, space, question_mark"


def _conflicts(changed: Mapping[str, str], bindings: Mapping[str, Known]) -> Iterator[str]:
    keys = {name: changed[name].split(",") if name in changed else entry.keys for name, entry in bindings.items()}
    told = set()
    for name in changed:
        for other in bindings:
            if name not in bindings or other == name or frozenset((name, other)) in told:
                continue
            both = sorted(set(keys[name]) & set(keys[other]))
            before = set(bindings[name].keys) & set(bindings[other].keys)
            if both and not before and _meet(bindings[name], bindings[other]):
                told.add(frozenset((name, other)))
                yield f"{name} and {other} both have {', '.join(both)}: only one of them works"


def _meet(one: Known, other: Known) -> bool:
    """Whether two bindings can work at the same time: of one class, everywhere, or a screen and what stands in it."""
    if one.owners & other.owners:
        return True
    pair = (one.name, other.name)
    if any(name.startswith(EVERYWHERE) for name in pair):
        return True
    return any(_scope(a).startswith(f"{_scope(b)}.") for a, b in (pair, pair[::-1]))


def _scope(name: str) -> str:
    return name.rpartition(".")[0]


def template() -> str:
    """All ids with their keys, as a file to start from: every line is a comment until it is changed."""
    lines = [
        f"# Keys of dltui. Save this as {keys_path()},",
        "# take the # away before the lines you change, and write your own keys: one, or several with commas between.",
        '# Letters are as typed ("d", "D"); others have names: "ctrl+d", "f2", "delete", "space", "question_mark".',
        "",
    ]
    scope = ""
    for name, entry in known().items():
        if _scope(name) != scope:
            scope = _scope(name)
            lines += ["", f"# {scope}"] if len(lines) > 4 else [f"# {scope}"]
        setting = f'#"{name}" = "{",".join(entry.keys)}"'
        lines.append(f"{setting:<46} # {entry.does}")
    return "\n".join(lines) + "\n"
