"""What a line of source is, and where a debugger moves a breakpoint that was set on it."""

from __future__ import annotations

import ast
import bisect
import io
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_KEYWORD_LINES: Final = frozenset({"else", "finally", "try"})
_NO_CODE_TOKENS: Final = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


@dataclass(frozen=True, kw_only=True)
class Landing:
    """Where debugpy puts the breakpoint instead: the nearest line above that holds code.

    `function` is the one that runs the line; empty for what runs when the module is loaded.
    """

    line: int
    text: str
    function: str


def what_it_is(source: str, line: int) -> str:
    """Why a line holds no code: completes the sentence "line N …"."""
    lines = source.splitlines()
    if not 1 <= line <= len(lines):
        return f"is not in the file, which has {len(lines)} lines"
    if not lines[line - 1].strip():
        return "is blank"
    try:
        return _among_tokens(source, line) or _among_statements(ast.parse(source), line)
    except (SyntaxError, ValueError, tokenize.TokenError):
        return "holds no code"  # this Python does not read what the container's may


def landing(source: str, line: int, lines: Sequence[int]) -> Landing | None:
    """Where a breakpoint on a line that is not among the executable `lines` (sorted) goes."""
    index = bisect.bisect_left(lines, line)
    if not index:
        return None
    there, texts = lines[index - 1], source.splitlines()
    text = texts[there - 1].strip() if there <= len(texts) else ""
    return Landing(line=there, text=text, function=_function(source, there))


def runs_when_loaded(source: str, line: int) -> bool:
    """Whether the line is the module's own, so that no request runs it."""
    return not _function(source, line)


def _function(source: str, line: int) -> str:
    """The innermost function with the line in its body: its header is run by whoever defines it."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return ""
    bodies = {
        node.body[0].lineno: node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body[0].lineno <= line <= (node.end_lineno or 0)
    }
    return bodies[max(bodies)] if bodies else ""


def _among_tokens(source: str, line: int) -> str:
    here = [
        token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.start[0] <= line <= token.end[0] and token.type not in _NO_CODE_TOKENS
    ]
    if all(token.type == tokenize.COMMENT for token in here):
        return "is a comment"
    words = [token.string for token in here if token.type != tokenize.COMMENT]
    if words[0] in _KEYWORD_LINES and words[1:] == [":"]:
        return f"is `{words[0]}:`, which nothing executes"
    return ""


def _among_statements(tree: ast.Module, line: int) -> str:
    """By the innermost statement that covers the line."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not around:
        return "holds no code"
    inner = max(around, key=lambda node: node.lineno)
    if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant):
        return "is in a docstring"
    if isinstance(inner, ast.Global | ast.Nonlocal | ast.AnnAssign):
        return "only declares a name"
    if inner.lineno < line:
        return f"continues the statement that begins on line {inner.lineno}"
    return "was optimised out: Python's compiler makes no code for it"
