"""Building environments and launching them on this machine itself. Knows plans, not Azure ML."""

from __future__ import annotations

import hashlib
import json
import platform as host
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Final

from toolkit.engines import ports
from toolkit.engines.base import (
    BuildOptions,
    EngineInfo,
    Handle,
    HostAddress,
    Image,
    Pruning,
    StoredImage,
)
from toolkit.engines.events import BuildEvent, ImageReady
from toolkit.engines.process.cachefolder import writing
from toolkit.engines.process.earlier import change_since, recipe_of
from toolkit.engines.process.environment import Environments
from toolkit.engines.process.handle import ProcessHandle
from toolkit.engines.process.images import Images
from toolkit.engines.process.interpreter import Interpreter, find_interpreter
from toolkit.engines.process.launch import launch
from toolkit.engines.process.nursery import Nursery
from toolkit.engines.process.probes import Probes
from toolkit.engines.process.prune import prune
from toolkit.engines.process.records import launches
from toolkit.engines.process.sandbox import RUNGS, Rung, Sandbox, choose
from toolkit.errors import BuildFailed, EngineUnavailable, SpecError
from toolkit.plans.emulation import LABEL_RECIPE
from toolkit.plans.model import Contents, ImagePlan, LaunchPlan
from toolkit.settings import DEFAULT_BASE, cache_folder

SANDBOX_VARIABLE: Final = "AML_EMU_SANDBOX"
_BASES: Final = (DEFAULT_BASE, f"{DEFAULT_BASE}:latest")
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


class ProcessEngine:
    """The engine that needs no daemon: environments by uv, launches in a sandbox."""

    name = "process"

    def __init__(
        self, environ: Mapping[str, str], *, cache: Path | None = None, rungs: Sequence[Rung] = ()
    ) -> None:
        self._environ = environ
        self._cache = cache or cache_folder(environ)
        self._rungs = rungs
        self._images = Images(cache=self._cache)
        self._in_series = False
        self._nursery: Nursery | None = None
        self._starting = threading.Lock()

    @cached_property
    def _sandbox(self) -> Sandbox:
        return choose(self._environ, self._rungs or _wanted_rungs(self._environ))

    def check(self) -> EngineInfo:
        if sys.platform != "linux":
            raise EngineUnavailable(
                f"the process engine does not run on this system: {sys.platform}",
                hint="start Docker and use `--engine docker`",
            )
        sandbox = self._sandbox
        return EngineInfo(
            name="process",
            version=sandbox.version,
            address=str(self._cache),
            platform=_platform(),
            builds_dockerfiles=False,
            notes=sandbox.notes,
        )

    def build(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Image:
        contents = _honoured(plan)
        probes = Probes(self._cache)
        python = find_interpreter(contents.python, self._environ, probes=probes)
        digest = _digest(plan, python)
        tag = plan.tag(python.identity)
        with writing(self._cache):
            there = None if options.no_cache else self._images.get(digest)
            if there is None:
                if not options.no_cache and (change := change_since(self._images, plan, python)):
                    on_event(change)
                self._make(digest, plan, contents, python, on_event, options)
            self._images.name(digest, (tag, *plan.tags))
        if there is None:
            on_event(ImageReady(id=digest))
        return Image(tag=tag, id=digest, built=there is None)

    def _make(
        self,
        digest: str,
        plan: ImagePlan,
        contents: Contents,
        python: Interpreter,
        on_event: Callable[[BuildEvent], None],
        options: BuildOptions,
    ) -> None:
        indexes = options.secrets.get("indexes", b"").decode()
        shelf = Environments(
            cache=self._cache,
            environ=self._environ,
            indexes=indexes,
            netrc=options.secrets.get("netrc", b""),
        )
        environment = shelf.environment(contents.lock, python, on_event, anew=options.no_cache)
        debugger = shelf.debugger(contents.debugpy_version, python, on_event)
        linked = (environment / "bin/python").readlink()
        self._images.keep(
            digest,
            contents,
            labels={**plan.labels, LABEL_RECIPE: recipe_of(plan, python).label()},
            environment=environment,
            debugger=debugger,
            python=sorted({python.prefix, python.prefix.resolve(), linked.parent.parent}),
        )

    def has(self, image: str) -> bool:
        # Our own base stands for this machine's system here: there is nothing to make.
        return image in _BASES or self._images.find(image) is not None

    def port_holder(self, port: int) -> str | None:
        for folder, record in launches(self._cache / "run"):
            if port in record.ports.values() and folder.is_alive:
                return f"`{record.name}`"
        return None if ports.is_free(port) else ports.holder(port)

    def host_address(self) -> HostAddress:
        return HostAddress(bind=ports.LOOPBACK, name=ports.LOOPBACK)  # the network is shared

    def images(self, labels: Mapping[str, str]) -> list[StoredImage]:
        return [
            StoredImage(tag=tag, id=image.id, size=image.size)
            for tag, image in self._images.tagged()
            if _has_labels(image.labels, labels)
        ]

    def launch(self, plan: LaunchPlan) -> Handle:
        image = self._images.find(plan.image)
        if image is None:
            raise EngineUnavailable(
                f"the process engine has no such image: {plan.image}",
                hint="build it first with `aml-emu build --engine process`",
            )
        if self._in_series and Nursery.takes(plan) and (nursery := self._nursery_here()):
            return nursery.launch(plan, image)
        return launch(plan, image, self._sandbox, cache=self._cache)

    @contextmanager
    def series(self) -> Iterator[None]:
        """Meanwhile runs without ports are started by a nursery and end with this process."""
        self._in_series = True
        try:
            yield
        finally:
            self._in_series = False
            nursery, self._nursery = self._nursery, None
            if nursery is not None:
                nursery.close()

    def _nursery_here(self) -> Nursery | None:
        """None where namespaces cannot be made without another program's help."""
        with self._starting:
            if self._nursery is None and self._sandbox.rung != "plain":
                with suppress(EngineUnavailable):
                    namespaces = choose(self._environ, ("unshare",))
                    self._nursery = Nursery(namespaces, self._cache)
        return self._nursery

    def find(self, labels: Mapping[str, str]) -> list[Handle]:
        with writing(self._cache):
            return [
                ProcessHandle(folder, record)
                for folder, record in launches(self._cache / "run")
                if _has_labels(record.labels, labels)
            ]

    def prune(self, *, everything: bool, dry_run: bool, names: Collection[str] = ()) -> Pruning:
        return prune(self._cache, everything=everything, dry_run=dry_run, names=names)


def _digest(plan: ImagePlan, python: Interpreter) -> str:
    """Of all that is kept for an image: two of different names are two, though little differs."""
    described = [plan.inputs(python.identity), plan.name, sorted(plan.labels.items())]
    return f"sha256:{hashlib.sha256(json.dumps(described).encode()).hexdigest()}"


def _honoured(plan: ImagePlan) -> Contents:
    """What the plan asks for; raises BuildFailed for what only an image could give."""
    use_docker = "use `--engine docker`"
    if plan.contents is None:
        raise BuildFailed(
            f"the process engine builds no Dockerfiles, which `{plan.name}` is made from",
            hint=use_docker,
        )
    if plan.base not in _BASES:
        raise BuildFailed(
            f"the process engine has no base images, it uses this machine's system: {plan.base}",
            hint=f"leave out `--base` and `[images]`, or {use_docker}",
        )
    if plan.platform not in {None, _platform()}:
        raise BuildFailed(
            f"the process engine runs for this machine's platform only ({_platform()}): "
            f"{plan.platform}",
            hint=use_docker,
        )
    return plan.contents


def _platform() -> str:
    return f"linux/{_ARCHITECTURES.get(host.machine(), host.machine())}"


def _wanted_rungs(environ: Mapping[str, str]) -> Sequence[Rung]:
    """All of them, from the best to the last; or the one that the environment names."""
    wanted = environ.get(SANDBOX_VARIABLE)
    if not wanted:
        return RUNGS
    if wanted not in RUNGS:
        known = ", ".join(f"`{rung}`" for rung in RUNGS)
        raise SpecError(f"{SANDBOX_VARIABLE}: unknown sandbox: {wanted}", hint=f"valid: {known}")
    return (wanted,)


def _has_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """An empty value means that the label is there, whatever it says."""
    return all(key in labels and text in {"", labels[key]} for key, text in wanted.items())
