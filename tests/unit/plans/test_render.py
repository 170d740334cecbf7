import pytest
from jinja2 import TemplateNotFound, UndefinedError

from toolkit.plans.render import render


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("image/training.Dockerfile.j2", name="iris")


def test_a_template_that_is_missing_is_an_error() -> None:
    with pytest.raises(TemplateNotFound):
        render("image/nothing.j2")
