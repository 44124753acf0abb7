"""The English texts that the code writes: its literals, and its f-strings as messages with ``{placeholders}``.

The code stays the only place where an English sentence stands. A conditional inside an f-string gives one whole
message per branch, so that a translator never sees half a sentence.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeGuard, cast

MOST_BRANCHES = 16
"""Messages one f-string may give; beyond, its conditional parts stay placeholders."""

_WORD = re.compile(r"[A-Za-z]{2,}")
_NOT_A_TEXT = (ast.Raise, ast.Subscript, ast.Compare, ast.Assert, ast.Import, ast.ImportFrom, ast.AnnAssign)
_SILENT_CALLS = {
    "compile", "match", "search", "fullmatch", "sub", "split", "query", "astype", "sort_values", "groupby", "merge", "rename", "pop",
    "startswith", "endswith", "removeprefix", "removesuffix", "strip", "lstrip", "rstrip", "replace", "strftime", "threshold", "cast",
}  # fmt: skip
_ERRORS = re.compile(r"(Error|Exception|Warning)$")


def find_texts(path: Path) -> Iterator[tuple[str, int]]:
    """(message, line) of every text a module may show a reader."""
    for node in _readable(ast.parse(path.read_text(encoding="utf-8"))):
        for message in _messages(node):
            if _is_text(message):
                yield message, node.lineno


def find_said(path: Path) -> Iterator[tuple[str, str, int]]:
    """(message, plural or "", line) of every literal given to ``say`` or ``count`` of a language."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
            or ast.unparse(node.func.value) == "run"
        ):
            continue  # what a run says goes to the terminal, in English
        texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if node.func.attr == "say" and texts:
            yield texts[0], "", node.lineno
        elif node.func.attr == "count" and len(texts) == 2:
            yield texts[0], texts[1], node.lineno


def find_sentences(path: Path) -> Iterator[tuple[str, int]]:
    """(message, line) of every whole sentence of a module: text literals, whatever stands in them."""
    for node in _readable(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and " " in node.value
            and _WORD.search(node.value)
        ):
            yield node.value, node.lineno


def _readable(tree: ast.AST) -> Iterator[ast.expr]:
    """Outermost string expressions that are neither names of columns nor messages of errors nor documentation."""
    for child in ast.iter_child_nodes(tree):
        if _is_string(child):
            if not isinstance(tree, ast.Expr):  # a docstring
                yield cast(ast.expr, child)
                yield from _inside(child)
        else:
            for part in _parts_to_read(child):
                yield from _readable(part)


def _parts_to_read(node: ast.AST) -> Iterable[ast.AST]:
    """Where inside an expression or statement a text for a reader may stand."""
    if isinstance(node, ast.AnnAssign):
        return [ast.Expression(node.value)] if node.value is not None else []
    if isinstance(node, ast.Dict):
        keys = [key for key in node.keys if key is not None and not isinstance(key, ast.Constant)]
        return [ast.Expression(part) for part in (*keys, *node.values)]
    if _has_default(node):
        return [ast.Expression(part) for part in (node.func, *node.args[1:])]
    return [] if isinstance(node, _NOT_A_TEXT) or _is_silent(node) else [node]


def _inside(node: ast.AST) -> Iterator[ast.expr]:
    """String expressions inside the placeholders of a string."""
    for part in ast.walk(node):
        if isinstance(part, ast.FormattedValue) and not _alternatives(part.value):
            yield from _readable(ast.Expression(part.value))


def _has_default(node: ast.AST) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("get", "fillna")
    )


def _is_silent(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr in _SILENT_CALLS
    return bool(_ERRORS.search(getattr(node.func, "id", "")))


def _is_string(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _is_string(node.left) or _is_string(node.right)
    return isinstance(node, ast.JoinedStr)


def _messages(node: ast.expr) -> Iterator[str]:
    for parts in itertools.islice(itertools.product(*_pieces(node)), MOST_BRANCHES):
        yield _number_names(parts)


def _pieces(node: ast.expr) -> list[list[str]]:
    """The alternatives of each piece of a string, placeholders as ``\\0name\\0``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [[node.value]]
    if isinstance(node, ast.JoinedStr):
        return [piece for value in node.values for piece in _pieces(value)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_pieces(node.left), *_pieces(node.right)]
    inner = node.value if isinstance(node, ast.FormattedValue) else node
    return [_alternatives(inner) or [f"\0{_name_value(node)}\0"]]


def _alternatives(node: ast.expr) -> list[str]:
    """The texts a conditional or a literal can be; nothing for any other expression."""
    if isinstance(node, ast.IfExp):
        branches = [*_branch(node.body), *_branch(node.orelse)]
        texts = [text for branch in (node.body, node.orelse) for text in _branch(branch)]
        return texts if len(branches) <= MOST_BRANCHES else []
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_count" and len(node.args) == 3:
        return [f"\0n_count\0 {form.value!s}" for form in node.args[1:] if isinstance(form, ast.Constant)]
    return _branch(node) if _is_string(node) else []


def _branch(node: ast.expr) -> list[str]:
    return ["".join(parts) for parts in itertools.islice(itertools.product(*_pieces(node)), MOST_BRANCHES)]


def _name_value(node: ast.expr) -> str:
    """The name of a placeholder; ``n_`` before it says that a number stands there, because it is written as one."""
    if not isinstance(node, ast.FormattedValue):
        return _name(node)
    name, spec = _name(node.value), ast.unparse(node.format_spec) if node.format_spec else ""
    return f"n_{name}" if re.search(r"[fgde%,]['\"]?$", spec) and name != "n" else name


def _name(node: ast.expr) -> str:
    """A name a translator can read for what stands in a placeholder."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        key = node.slice
        return (
            key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else _name(node.value)
        )
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in ("len", "sum", "round", "abs", "int"):
            return "n"
        if isinstance(node.func, ast.Attribute) and node.func.attr == "join":
            return "list"
        return _name(node.func)
    return "n" if isinstance(node, ast.BinOp) else "value"


def _number_names(parts: tuple[str, ...]) -> str:
    """One message out of pieces: ``{name}``, and ``{name_2}`` where a name comes again."""
    seen: dict[str, int] = {}

    def write(found: re.Match[str]) -> str:
        name = re.sub(r"\W", "", found.group(1)).strip("_") or "value"
        seen[name] = seen.get(name, 0) + 1
        return f"{{{name}}}" if seen[name] == 1 else f"{{{name}_{seen[name]}}}"

    return re.sub("\0([^\0]*)\0", write, "".join(parts))


def _is_text(message: str) -> bool:
    """Words for a reader: a space between words, or one word with a capital."""
    bare = re.sub(r"\{\w+\}", "", message)
    if not _WORD.search(bare) or "\n" in message:
        return False
    return " " in message.strip() or bool(re.fullmatch(r"(?=.*[a-z])[A-Z][A-Za-z]*(-[a-z]+)*", message))


def find_constants(path: Path) -> Iterator[tuple[str, int]]:
    """(message, line) of every text in a constant of a module: legends and lists of words."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id.strip("_").isupper() and isinstance(value, ast.expr):
            for text in _readable(ast.Expression(value)):
                for message in _messages(text):
                    if _is_text(message):
                        yield message, text.lineno


def find_sql_texts(path: Path) -> Iterator[tuple[str, int]]:
    """(message, line) of every text that a query gives as a step, reason or note: literals joined by ``||``."""
    text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
    joined = r"(?:'(?:[^']|'')*'|[\w.]+|\([^()']*\))"
    for found in re.finditer(rf"{joined}(?:\s*\|\|\s*{joined})*", text):
        pieces = re.findall(joined, found.group())
        parts = tuple(
            piece[1:-1].replace("''", "'") if piece.startswith("'") else f"\0{_name_column(piece)}\0"
            for piece in pieces
        )
        message = _number_names(parts)
        if any(piece.startswith("'") for piece in pieces) and _is_text(message):
            yield message, text[: found.start()].count("\n") + 1


def _name_column(piece: str) -> str:
    return str((re.findall(r"\w+", piece) or ["value"])[-1])
