"""Why an environment must be made: what differs from the newest one of the same name."""

from __future__ import annotations

from toolkit.engines.events import InputsChanged
from toolkit.engines.process.images import Images
from toolkit.engines.process.interpreter import Interpreter
from toolkit.plans.emulation import LABEL_RECIPE
from toolkit.plans.inputs import Inputs, inputs_of, read_label
from toolkit.plans.model import ImagePlan


def recipe_of(plan: ImagePlan, python: Interpreter) -> Inputs:
    """What is remembered of a plan; this machine's Python is its base."""
    return inputs_of(plan, python.identity)


def change_since(images: Images, plan: ImagePlan, python: Interpreter) -> InputsChanged | None:
    """None when there is no earlier image, or none that says what it was made from."""
    earlier = [
        (images.made_at(image.id), tag, recipe)
        for tag, image in images.tagged()
        if tag.startswith(f"aml-emu/{plan.name}:")
        and (recipe := read_label(image.labels.get(LABEL_RECIPE, "")))
    ]
    if not earlier:
        return None
    _, tag, recipe = max(earlier, key=lambda each: each[0])
    return InputsChanged(since=tag, changes=recipe_of(plan, python).changes_since(recipe))
