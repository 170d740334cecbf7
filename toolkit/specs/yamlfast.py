"""Long YAML files, parsed by libyaml: the values and lines of `yamlfile`, several times faster.

No comments are kept, since nothing is written back.
"""

from __future__ import annotations

from typing import Any

from _ruamel_yaml import CParser
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError, SafeConstructor
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import VersionedResolver


class _Loader(CParser, SafeConstructor, VersionedResolver):  # type: ignore[misc]  # no types there
    """libyaml's parser with the values of YAML 1.2, which `yamlfile` reads short files with."""

    def __init__(self, text: str) -> None:
        yaml = YAML(typ="rt")
        CParser.__init__(self, text)
        self._parser = self._composer = self
        SafeConstructor.__init__(self, loader=self)
        VersionedResolver.__init__(self, loader=yaml)

    @property
    def resolver(self) -> Any:
        return self


def load_long(text: str) -> Any:
    """Raises ruamel's own errors, which know where something is wrong."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _value(loader, node, {})
    finally:
        loader.dispose()


def _value(loader: _Loader, node: Node, known: dict[int, Any]) -> Any:
    if id(node) in known:
        return known[id(node)]  # an alias
    found: Any
    match node:
        case MappingNode():
            loader.flatten_mapping(node)
            found = known[id(node)] = CommentedMap()
            found._yaml_set_line_col(node.start_mark.line, node.start_mark.column)  # noqa: SLF001  # as below
            for key, value in node.value:
                _pair(loader, found, key, value, known)
        case SequenceNode():
            found = known[id(node)] = CommentedSeq()
            found._yaml_set_line_col(node.start_mark.line, node.start_mark.column)  # noqa: SLF001  # as below
            for index, each in enumerate(node.value):
                found.append(_value(loader, each, known))
                place = [each.start_mark.line, each.start_mark.column]
                found._yaml_set_idx_line_col(index, place)  # noqa: SLF001  # as its own loader does
        case ScalarNode(tag="tag:yaml.org,2002:str"):
            found = node.value
        case ScalarNode():
            found = loader.construct_object(node)
        case _:
            raise TypeError(type(node))
    return found


def _pair(
    loader: _Loader, found: CommentedMap, key: Node, value: Node, known: dict[int, Any]
) -> None:
    name = _value(loader, key, known)
    if name in found:
        raise DuplicateKeyError(
            "while constructing a mapping",
            found.lc,
            f"found duplicate key `{name}`",
            key.start_mark,
        )
    found[name] = _value(loader, value, known)
    place = [
        key.start_mark.line,
        key.start_mark.column,
        value.start_mark.line,
        value.start_mark.column,
    ]
    found._yaml_set_kv_line_col(name, place)  # noqa: SLF001  # as its own loader does
