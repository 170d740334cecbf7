"""MLflow models without code: the scoring script and the environment that Azure adds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from toolkit.plans.azureml import SERVER_PACKAGE
from toolkit.plans.deployment import PlacedModel
from toolkit.plans.render import render
from toolkit.specs.deployment import Code
from toolkit.specs.environment import Environment, load_environment
from toolkit.specs.yamlfile import YamlFile, load_yaml, plain

MODEL_FILE: Final = "MLmodel"
SCRIPT: Final = "mlflow_score_script.py"
FOLDER: Final = "mlflow_resources"  # as in /var/mlflow_resources of Azure's own images
_DEFAULT_PYTHON: Final = "3.11"


@dataclass(frozen=True, kw_only=True)
class NoCode:
    """What takes the place of the user's own."""

    code: Code
    environment: Callable[[], Environment]

    def variables(self, model: PlacedModel) -> dict[str, str]:
        """As Azure's image is told where the model lies."""
        return {"MLFLOW_MODEL_FOLDER": model.source.name}


def is_mlflow(path: Path) -> bool:
    return (path / MODEL_FILE).is_file()


def no_code(file: YamlFile, model: Path, *, folder: Path) -> NoCode:
    """Write the script into `folder`; the environment is the one the model was saved with.

    Raises SpecError where the model does not say what it needs.
    """
    if not is_mlflow(model):
        raise file.error(("model",), f"not an MLflow model, it has no `{MODEL_FILE}`: {model}")
    code = folder / FOLDER
    code.mkdir(parents=True, exist_ok=True)
    script = code / SCRIPT
    text = render("deployment/mlflow_score_script.py.j2")
    if not script.is_file() or script.read_text("utf-8") != text:
        script.write_text(text, "utf-8")
    return NoCode(
        code=Code(folder=code, script=PurePosixPath(SCRIPT)),
        environment=lambda: _environment(file, model, folder),
    )


def _environment(file: YamlFile, model: Path, folder: Path) -> Environment:
    """The model's conda file or requirements, with the server: Azure's image has it anyway."""
    written = _conda(model) or _requirements(model)
    if written is None:
        raise file.error(
            ("model",),
            f"the model has neither conda.yaml nor requirements.txt: {model}",
            hint="write `environment:` in the deployment",
        )
    packages = next(each for each in written["dependencies"] if isinstance(each, dict))
    if not any(str(line).startswith(SERVER_PACKAGE) for line in packages["pip"]):
        packages["pip"].append(SERVER_PACKAGE)
    path = folder / "conda.json"  # JSON is YAML
    text = json.dumps(written, indent=2)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
    return load_environment(path)


def _conda(model: Path) -> dict[str, Any] | None:
    for name in ("conda.yaml", "conda.yml"):
        if (model / name).is_file():
            written: dict[str, Any] = plain(load_yaml(model / name, what="conda file").data)
            written = {**written, "name": "mlflow"}
            dependencies = list(written.get("dependencies", []))
            if not any(isinstance(each, dict) for each in dependencies):
                dependencies.append({"pip": []})
            return {**written, "dependencies": dependencies}
    return None


def _requirements(model: Path) -> dict[str, Any] | None:
    path = model / "requirements.txt"
    if not path.is_file():
        return None
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    return {
        "name": "mlflow",
        "dependencies": [f"python={_DEFAULT_PYTHON}", "pip", {"pip": wanted}],
    }
