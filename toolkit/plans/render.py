"""The only module that knows Jinja: a template and values in, text out."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any

from toolkit.resources import templates

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def _environment() -> Environment:
    from jinja2 import (  # noqa: PLC0415  # 20 ms, which only commands that plan an image pay
        Environment,
        FileSystemLoader,
        StrictUndefined,
    )

    environment = Environment(
        loader=FileSystemLoader(templates()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Dockerfiles and shell scripts, no HTML
    )
    environment.filters["shell"] = lambda text: shlex.quote(str(text))
    environment.filters["json"] = json.dumps
    environment.filters["docker"] = _docker_quoted
    return environment


def _docker_quoted(value: Any) -> str:
    r"""A quoted word of a Dockerfile, which knows no escapes but `\\`, `\"` and `\$`."""
    return '"' + re.sub(r'(["$\\])', r"\\\1", str(value)) + '"'


def render(template: str, **values: Any) -> str:
    """Render `templates/<template>`; a value that the template asks for and lacks is an error."""
    return _environment().get_template(template).render(**values)
