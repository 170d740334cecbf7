"""One LocalWebservice: its container, the copies that it serves, and what it was asked to be."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from toolkit.engines.trust import host_trust
from toolkit.errors import SpecError
from toolkit.live.authoring.definitions import FOLDER, describe
from toolkit.live.authoring.narration import BuildLines
from toolkit.live.authoring.operations import Say
from toolkit.live.authoring.scoring import Inference, models_of, placed
from toolkit.live.authoring.service import Authoring
from toolkit.live.image import build_image
from toolkit.live.readiness import answers
from toolkit.live.service import Service, find_services, start_service
from toolkit.plans import azureml
from toolkit.plans.dropin import dropin_mount
from toolkit.plans.model import LaunchPlan
from toolkit.plans.service import Scoring, model_dir, plan_service
from toolkit.specs.script import check_scoring_script

KIND: Final = "v1-webservice"
_NAME: Final = re.compile(r"[a-z](?=[a-z0-9-]{2,31}$)[a-z0-9-]*[a-z0-9]")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to serve. `models` are references; `image` and `variables` come with the build."""

    name: str
    inference: Inference
    models: tuple[str, ...]
    port: int | None = None
    image: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    def check_name(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SpecError(
                f"not a name for a service: `{self.name}`",
                hint="3 to 32 lower-case letters, digits and `-`, beginning with a letter",
            )

    def as_json(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return said

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Wanted:
        models, inference = tuple(body["models"]), Inference.of(body["inference"])
        return cls(**{**body, "models": models, "inference": inference})


class LocalService:
    """By its name; whether it is there is asked of the workspace and the engine each time."""

    def __init__(self, authoring: Authoring, name: str) -> None:
        self._authoring = authoring
        self.name = name

    @classmethod
    def all(cls, authoring: Authoring) -> Iterator[LocalService]:
        for body in authoring.workspace.documents.list(KIND):
            yield cls(authoring, body["name"])

    @property
    def is_known(self) -> bool:
        return self._authoring.workspace.documents.find(KIND, self.name) is not None

    def wanted(self) -> Wanted:
        body = self._authoring.workspace.documents.find(KIND, self.name)
        assert body is not None, self.name  # noqa: S101  # callers ask is_known
        return Wanted.of(body)

    def deploy(self, wanted: Wanted, say: Say) -> dict[str, Any]:
        """Build its environment, then start it in the place of what runs under its name."""
        _check(wanted.inference)
        authoring = self._authoring
        described = describe(
            wanted.inference.environment,
            settings=authoring.settings,
            engine=authoring.engine,
            kind="inference",
            say=say,
        )
        image = build_image(
            described.image, authoring.settings, authoring.engine, say=say, on_event=BuildLines(say)
        )
        say(f"image {image.tag}{'' if image.built else ' (unchanged)'}")
        built = replace(wanted, image=image.tag, variables=described.variables)
        return self._start(built, say)

    def reload(self, say: Say) -> dict[str, Any]:
        """A new container of the same image, with the files as they are now."""
        wanted = self.wanted()
        _check(wanted.inference)
        return self._start(wanted, say)

    def remove(self) -> None:
        for service in self._found():
            service.stop(self._authoring.engine)

    def forget(self) -> None:
        """The container, the copies and the memory of it."""
        self.remove()
        shutil.rmtree(self._copies, ignore_errors=True)
        self._authoring.workspace.documents.delete(KIND, self.name)

    def described(self) -> dict[str, Any]:
        url, state = None, "deleted"
        for service in self._found():
            state = self._state(service)
            url = service.url if service.handle.state().is_running else None
        return {"name": self.name, "state": state, "url": url, "models": list(self.wanted().models)}

    def last_lines(self, count: int) -> str:
        return "\n".join(service.last_lines(count) for service in self._found())

    def _state(self, service: Service) -> str:
        if not service.handle.state().is_running:
            return "failed"
        return "running" if answers(service.scoring, "/") else "deploying"

    def _found(self) -> list[Service]:
        return find_services(self._authoring.engine, self.name)

    def _start(self, wanted: Wanted, say: Say) -> dict[str, Any]:
        documents = self._authoring.workspace.documents
        self.remove()
        documents.put(KIND, self.name, wanted.as_json())
        say("Starting the container")
        plan = self._plan(wanted)
        service = start_service(self._authoring.engine, plan)
        say("Checking container health...")
        if plan.probe:
            service.wait_ready(plan.probe)
        # the next one answers where this one did
        documents.put(KIND, self.name, replace(wanted, port=service.scoring.port).as_json())
        say(f"Local webservice is running at {service.url}")
        return self.described()

    def _plan(self, wanted: Wanted) -> LaunchPlan:
        authoring, source = self._authoring, wanted.inference.source
        script = self._copied(wanted.inference)
        models = models_of(authoring.workspace, list(wanted.models))
        mounts = tuple(placed(model).mount(azureml.APP_ROOT) for model in models)
        scoring = Scoring(
            name=self.name,
            script=script,
            folder=self._copies,
            placed=(*mounts, *([dropin_mount()] if wanted.variables else [])),
            env={**wanted.variables, **model_dir(mounts)},
            port=wanted.port,
            root=azureml.APP_ROOT / source.name if source else azureml.APP_ROOT,
        )
        return plan_service(
            scoring,
            image=wanted.image,
            project=authoring.settings.project,
            ca_bundle=host_trust(authoring.settings.environ).ca_bundle,
        )

    @property
    def _copies(self) -> Path:
        """Of the code: a service serves what was there when it was deployed or reloaded."""
        return self._authoring.settings.state_folder / FOLDER / "services" / self.name

    def _copied(self, inference: Inference) -> Path:
        """The script alone, as in the cloud, or the folder that goes along; the script's copy."""
        shutil.rmtree(self._copies, ignore_errors=True)
        if inference.source is None:
            self._copies.mkdir(parents=True)
            return Path(shutil.copy2(inference.script, self._copies))
        source = inference.source.resolve()
        left_out = shutil.ignore_patterns("__pycache__", ".git", ".aml-emu", ".venv")
        shutil.copytree(source, self._copies, ignore=left_out, ignore_dangling_symlinks=True)
        return self._copies / inference.script.resolve().relative_to(source)


def _check(inference: Inference) -> None:
    """Before anything that runs is stopped. Raises SpecError for what cannot be served."""
    check_scoring_script(inference.script)
    if inference.source is None:
        return
    script = inference.script.resolve()
    if not script.is_relative_to(inference.source.resolve()):
        raise SpecError(
            f"the entry script is not in the source directory: {script}",
            hint="name it from the source directory, or give a folder that holds it",
        )
