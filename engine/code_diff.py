"""The code of two runs compared: commit and uncommitted changes of the one against those of the other."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from engine.git import OUTPUT_LIMIT, GitCommand, repository
from engine.runs import Run

SECONDS = 20.0
"""How long git may take for one comparison."""
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SHORT = 12
_MOST_TOLD = 8
_MOST_LINES = 4000
"""Of a file's changes, compared as texts; longer ones are only said to differ."""
_FILE = re.compile(r"^diff --git ", re.MULTILINE)
_OPTIONS = ("--no-ext-diff", "--no-textconv", "--no-color", "--find-renames")


class CodeState(msgspec.Struct, frozen=True, kw_only=True):
    """What code a run was started from, as far as it is recorded."""

    run: str
    commit: str = ""
    """Empty where it is unknown."""
    patch: bytes = b""
    """What was not committed."""
    problem: str = ""
    """Why commit or changes are unknown or not whole."""
    untracked: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    """Where its project was."""
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    modules: dict[str, str] = msgspec.field(default_factory=dict)
    """SHA-256 of the person's own modules that the settings name."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A unified diff, and what it is of."""

    title: str
    text: str


class CodeDiff(msgspec.Struct, frozen=True, kw_only=True):
    """How the code of a run differs from that of another."""

    base: str
    run: str
    same: bool | None
    """None where that cannot be told."""
    summary: str
    """In a sentence."""
    told: tuple[str, ...]
    """What is compared, and what of it is not known."""
    parts: tuple[Part, ...] = ()


def code_state(run: Run) -> CodeState:
    """What the run's folder says of its code."""
    git = run.info.git or {}
    commit = str(git.get("commit") or "")
    patch, problem = _patch(run)
    if not _COMMIT.fullmatch(commit):
        commit = ""
        problem = str(git.get("problem") or "") or (
            "git knew no commit" if git else "it was not launched from a git repository"
        )
    elif git.get("truncated") or git.get("problem"):
        problem = str(git.get("problem") or "its uncommitted changes were too large to be kept whole")
    elif git.get("dirty") and not patch and not problem:
        problem = "its uncommitted changes are not there any more (code.patch)"
    named = git.get("untracked")
    untracked = tuple(str(name) for name in named) if isinstance(named, list) else ()
    folders = tuple(folder for folder in (run.info.folder, run.info.cwd) if folder)
    return CodeState(run=run.id, commit=commit, patch=patch, problem=problem, untracked=untracked, folders=folders,
                     versions=run.info.versions, modules=run.info.code)  # fmt: skip


def _patch(run: Run) -> tuple[bytes, str]:
    try:
        with open(run.paths.code_patch, "rb") as file:
            return file.read(OUTPUT_LIMIT), ""
    except FileNotFoundError:
        return b"", ""
    except OSError as error:
        return b"", f"code.patch cannot be read: {error.strerror}"


def compare_code(base: Run, run: Run, near: Sequence[Path] = ()) -> CodeDiff:
    """Compare the code of two runs.

    Where a repository that holds both commits is at hand, the uncommitted changes are put on top of them in a
    temporary place, and the two states are compared as git does; the repository itself is only read. Elsewhere the
    uncommitted changes are compared as texts.

    Args:
        base: the run that counts as before.
        run: the one that counts as after.
        near: further folders to look for the repository in.
    """
    before, after = code_state(base), code_state(run)
    told = [_described(before), _described(after), *_untracked(before, after), *_versions(before, after)]
    told += _modules(before, after)
    if before.commit and before.commit == after.commit and before.patch == after.patch:
        whole = not (before.problem or after.problem or before.untracked or after.untracked)
        whole = whole and before.modules == after.modules
        words = "the same commit and the same uncommitted changes" if before.patch else "the same commit"
        summary = f"the same code: {words}" if whole else f"{words}, as far as it is recorded"
        return CodeDiff(base=base.id, run=run.id, same=True if whole else None, summary=summary, told=tuple(told))
    parts, more = _parts(before, after, near)
    told += more
    same = False if any(part.text for part in parts) else None
    return CodeDiff(base=base.id, run=run.id, same=same, summary=_summary(before, after, parts), told=tuple(told),
                    parts=tuple(parts))  # fmt: skip


def _described(state: CodeState) -> str:
    if not state.commit:
        return f"{state.run}: the commit is unknown: {state.problem}"
    lines = state.patch.count(b"\n")
    changes = f"uncommitted changes of {lines:,} lines" if state.patch else "nothing uncommitted"
    return f"{state.run}: commit {state.commit[:_SHORT]}, {changes}" + (f"; {state.problem}" if state.problem else "")


def _untracked(before: CodeState, after: CodeState) -> Iterator[str]:
    """Files that git did not know: what was in them is not recorded."""
    for state, other in ((before, after), (after, before)):
        if state.untracked:
            own = [name for name in state.untracked if name not in other.untracked] or list(state.untracked)
            rest = len(own) - _MOST_TOLD
            names = ", ".join(own[:_MOST_TOLD]) + (f" and {rest} more" if rest > 0 else "")
            count = len(state.untracked)
            files = "file" if count == 1 else "files"
            yield f"{state.run}: {count} {files} not in git, whose content is not recorded: {names}"


def _versions(before: CodeState, after: CodeState) -> Iterator[str]:
    names = [name for name in before.versions if name in after.versions]
    changed = [name for name in names if before.versions[name] != after.versions[name]]
    if changed:
        yield "versions: " + ", ".join(f"{name} {before.versions[name]} to {after.versions[name]}" for name in changed)


def _modules(before: CodeState, after: CodeState) -> Iterator[str]:
    """The person's own models and data sets: their files' contents are known by their hashes."""
    paths = sorted({*before.modules, *after.modules})
    changed = [path for path in paths if before.modules.get(path) != after.modules.get(path)]
    if changed:
        yield f"own modules that differ: {', '.join(changed)}"


def _summary(before: CodeState, after: CodeState, parts: Sequence[Part]) -> str:
    if not before.commit or not after.commit:
        unknown = " and ".join(state.run for state in (before, after) if not state.commit)
        return f"the commit of {unknown} is unknown"
    if not parts:
        return f"commits {before.commit[:_SHORT]} and {after.commit[:_SHORT]}, which no repository here holds"
    if not any(part.text for part in parts):
        return "no difference in the files that git knows"
    files = sum(len(_FILE.findall(part.text)) for part in parts)
    lines = [line for part in parts for line in part.text.splitlines()]
    added = sum(line.startswith("+") and not line.startswith("+++") for line in lines)
    taken = sum(line.startswith("-") and not line.startswith("---") for line in lines)
    noun = "file" if files == 1 else "files"
    return f"{files} {noun} changed, +{added:,} -{taken:,} lines"


# --------------------------------------------------------------------------------------------------------- with git


def _parts(before: CodeState, after: CodeState, near: Sequence[Path]) -> tuple[list[Part], list[str]]:
    """The diffs that can be made, and what to say of them."""
    deadline = time.monotonic() + SECONDS
    if not before.commit or not after.commit:
        return _patches(before, after), []
    root = _repository(before, after, near, deadline)
    if root is None:
        looked = ", ".join(dict.fromkeys((*before.folders, *after.folders, *map(str, near)))) or "no folder is recorded"
        return _patches(before, after), [f"no repository here holds both commits (looked in {looked})"]
    with tempfile.TemporaryDirectory(prefix="dltui-code-") as folder:
        whole = _whole(root, before, after, Path(folder), deadline)
    if whole is not None:
        return [whole], [f"repository: {root}"]
    found = GitCommand(root, ("diff", *_OPTIONS, before.commit, after.commit, "--")).wait(deadline)
    if found is None:
        return _patches(before, after), [f"git could not compare the commits in {root}"]
    told = "the uncommitted changes could not be put on their commits: they are compared as texts"
    title = f"commits {before.commit[:_SHORT]} to {after.commit[:_SHORT]}"
    return [Part(title=title, text=_text(found)), *_patches(before, after)], [f"repository: {root}", told]


def _repository(before: CodeState, after: CodeState, near: Sequence[Path], deadline: float) -> Path | None:
    """A repository that holds both commits."""
    folders = [Path(folder) for folder in (*after.folders, *before.folders)] + [*near]
    for root in dict.fromkeys(filter(None, map(repository, folders))):
        known = [GitCommand(root, ("rev-parse", "--verify", "--quiet", f"{state.commit}^{{commit}}"))
                 for state in (before, after)]  # fmt: skip
        if all(command.wait(deadline) for command in known):
            return root
    return None


def _whole(root: Path, before: CodeState, after: CodeState, folder: Path, deadline: float) -> Part | None:
    """The one diff from state to state; None where the changes cannot be put on their commits."""
    objects = GitCommand(root, ("rev-parse", "--git-path", "objects")).wait(deadline)
    if objects is None:
        return None
    (folder / "objects").mkdir()
    variables = {
        "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(root / os.fsdecode(objects.strip())),
    }
    trees = [_tree(root, state, folder, variables, deadline) for state in (before, after)]
    if None in trees:
        return None
    found = GitCommand(root, ("diff", *_OPTIONS, *map(str, trees), "--"), variables=variables).wait(deadline)
    if found is None:
        return None
    title = " to ".join(_short(state) for state in (before, after))
    return Part(title=title, text=_text(found))


def _short(state: CodeState) -> str:
    return state.commit[:_SHORT] + (" with its uncommitted changes" if state.patch else "")


def _tree(root: Path, state: CodeState, folder: Path, variables: dict[str, str], deadline: float) -> str | None:
    """The tree that a commit and the changes on top of it make; its objects lie in `folder`."""
    if not state.patch:
        return state.commit
    own = variables | {"GIT_INDEX_FILE": str(folder / f"index-{state.run}")}
    steps: tuple[tuple[tuple[str, ...], bytes], ...] = (
        (("read-tree", state.commit), b""),
        (("apply", "--cached", "--whitespace=nowarn", "-"), state.patch),
        (("write-tree",), b""),
    )
    output: bytes | None = b""
    for arguments, given in steps:
        output = GitCommand(root, arguments, given=given, variables=own).wait(deadline)
        if output is None:
            return None
    return (output or b"").decode().strip()


def _text(content: bytes) -> str:
    text = content[:OUTPUT_LIMIT].decode("utf-8", "replace")
    return text if len(content) <= OUTPUT_LIMIT else f"{text}\n... the rest is left out\n"


# ------------------------------------------------------------------------------------------------------ without git


def _patches(before: CodeState, after: CodeState) -> list[Part]:
    """The uncommitted changes compared as texts, file by file; those that both have are left out."""
    if before.patch == after.patch:
        return []
    old, new = _by_file(before.patch), _by_file(after.patch)
    texts = [_changed(name, old.get(name, []), new.get(name, []), before.run, after.run)
             for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]  # fmt: skip
    title = f"uncommitted changes of {before.run} to those of {after.run}, compared as texts"
    return [Part(title=title, text="".join(texts))]


def _by_file(patch: bytes) -> dict[str, list[str]]:
    """The changes of each file."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in patch.decode("utf-8", "replace").splitlines():
        if line.startswith("diff --git "):
            current = found.setdefault(line.removeprefix("diff --git "), [])
        current.append(line)
    return found


def _changed(name: str, old: list[str], new: list[str], before: str, after: str) -> str:
    head = f"diff --git {name}\n"
    if len(old) + len(new) > _MOST_LINES:
        return f"{head}... {len(old):,} and {len(new):,} lines of changes differ\n"
    lines = difflib.unified_diff(old, new, f"{before}/code.patch", f"{after}/code.patch", lineterm="", n=2)
    return head + "".join(f"{line}\n" for line in lines)
