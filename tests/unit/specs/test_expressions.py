from __future__ import annotations

import pytest

from toolkit.specs.expressions import (
    Expression,
    ExpressionError,
    Reference,
    check_references,
    parse_expression,
)

VALUES = {"inputs.data": "/data", "inputs.lr": "0.1", "outputs.model": "/out"}


def filled(text: str) -> str:
    return parse_expression(text).resolve(lambda r: VALUES.get(".".join(r.path)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python train.py", "python train.py"),
        ("--data ${{inputs.data}} --lr ${{ inputs.lr }}", "--data /data --lr 0.1"),
        ("${{inputs.data}}/a.csv", "/data/a.csv"),
        ("run $[[--lr ${{inputs.lr}}]]", "run --lr 0.1"),
        ("run $[[--x ${{inputs.x}} ]]end", "run end"),
        ("$[[a ${{inputs.lr}} $[[b ${{inputs.x}}]]]]", ""),
        ('if [[ -f x ]]; then echo "$HOME"; fi', 'if [[ -f x ]]; then echo "$HOME"; fi'),
        ("echo $[[1]]", "echo 1"),
    ],
)
def test_values_stand_for_references(text: str, expected: str) -> None:
    assert filled(text) == expected


def test_a_reference_without_a_value_is_an_error() -> None:
    with pytest.raises(ExpressionError, match=r"`\$\{\{inputs.x\}\}` has no value"):
        filled("--x ${{inputs.x}}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("${{inputs.x", "without its `}}`"),
        ("$[[--x", "without its `]]`"),
        ("${{}}", "not a reference"),
        ("${{inputs.}}", "not a reference"),
        ("${{inputs x}}", "not a reference"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        parse_expression(text)


def test_a_whole_reference_is_known_as_one() -> None:
    assert parse_expression("${{parent.inputs.x}}").whole == Reference(("parent", "inputs", "x"))
    assert parse_expression("${{parent.inputs.x}}/a").whole is None
    assert Expression(()).whole is None


def test_references_in_optional_parts_are_found_too() -> None:
    found = parse_expression("${{inputs.a}} $[[${{inputs.b}}]]").references
    assert [".".join(reference.path) for reference in found] == ["inputs.a", "inputs.b"]


def test_a_misspelt_name_is_told_with_the_nearest() -> None:
    with pytest.raises(ExpressionError) as caught:
        check_references(parse_expression("${{inputs.dta}}"), {("inputs",): ["data", "lr"]})
    assert "`${{inputs.dta}}` is not defined" in caught.value.message
    assert caught.value.hint == "did you mean `${{inputs.data}}`?"


def test_an_unknown_kind_of_reference_is_told_with_the_nearest() -> None:
    with pytest.raises(ExpressionError) as caught:
        check_references(parse_expression("${{input.data}}"), {("inputs",): ["data"]})
    assert caught.value.hint == "did you mean `${{inputs.…}}`?"
