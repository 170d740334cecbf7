"""What `init()` made: which globals, and whether they can live in new modules."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import pytest

from toolkit.runtime.keep import Entangled, Made, adopt, instances_of


def module(name: str, text: str) -> ModuleType:
    made = ModuleType(name)
    exec(text, vars(made))
    return made


CLASSES = """
class Model:
    class Part: ...
    def __init__(self): self.part = Model.Part(); self.parts = [Model.Part()]

class Slotted:
    __slots__ = ("a",)

def function(): ...
"""


def test_assigned_globals_are_found_in_every_module() -> None:
    score = module("entry_module", "model = None\nsame = 1\n")
    helper = module("helper", "cache = None\n")
    modules = {"/score.py": score, "/helper.py": helper}
    made = Made()
    made.before(modules)
    vars(score).update(model={}, added=2)
    vars(helper)["cache"] = []
    made.after(modules)
    assert made.assigned == {"/score.py": {"model", "added"}, "/helper.py": {"cache"}}
    assert made.known
    assert not made.scattered


def test_objects_in_attributes_of_classes_or_functions_are_scattered() -> None:
    for where in ("Model", "function"):
        score = module("entry_module", CLASSES)
        made = Made()
        made.before({"/score.py": score})
        setattr(getattr(score, where), "loaded", object())  # noqa: B010  # the name is a parameter
        made.after({"/score.py": score})
        assert made.scattered


def test_instances_are_found_inside_containers_and_each_other() -> None:
    score = module("entry_module", CLASSES)
    model = score.Model()
    value: dict[str, Any] = {"a": (1, [model]), "self": None}
    value["self"] = value
    found = instances_of([value], {"entry_module"})
    assert {type(each).__qualname__ for each in found} == {"Model", "Model.Part"}
    assert len(found) == 3
    assert instances_of([value], {"helper"}) == []


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: [f], lambda f: functools.partial(f, 1)])
def test_functions_of_the_former_modules_cannot_be_kept(wrap: Any) -> None:
    score = module("entry_module", CLASSES)
    with pytest.raises(Entangled, match="function"):
        instances_of([wrap(score.function)], {"entry_module"})
    with pytest.raises(Entangled, match="Model"):
        instances_of([wrap(score.Model)], {"entry_module"})


def test_adopted_objects_have_the_new_classes() -> None:
    former, now = module("entry_module", CLASSES), module("entry_module", CLASSES)
    model = former.Model()
    adopt(instances_of([model], {"entry_module"}), {"entry_module": now})
    assert isinstance(model, now.Model)
    assert isinstance(model.parts[0], now.Model.Part)


def test_adoption_that_fails_changes_nothing() -> None:
    former = module("entry_module", CLASSES)
    model, slotted = former.Model(), former.Slotted()
    now = module("entry_module", CLASSES.replace('("a",)', '("a", "b")'))
    with pytest.raises(Entangled):
        adopt([model, slotted], {"entry_module": now})
    assert type(model) is former.Model
    with pytest.raises(Entangled):
        adopt([model], {"entry_module": module("entry_module", "Model = 3")})
    assert type(model) is former.Model
