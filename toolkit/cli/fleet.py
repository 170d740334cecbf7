"""The replicas of one deployment in front of the user, who may be replaced while he watches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from toolkit.cli import console
from toolkit.live.deployment import repaired, roll_out, withdraw
from toolkit.live.readiness import INTERVAL
from toolkit.live.rollout import Deployed, Rollout
from toolkit.live.router.process import ask
from toolkit.live.service import Service
from toolkit.plans.model import LaunchPlan


@dataclass
class Fleet:
    """Rolls out, tells what ends, and takes everything away at the end."""

    rollout: Rollout
    json: bool = False
    deployed: Deployed | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _changed: threading.Event = field(default_factory=threading.Event)
    _over: bool = False

    @property
    def replicas(self) -> Sequence[tuple[Service, LaunchPlan]]:
        deployed = self.deployed
        return list(zip(deployed.services, deployed.plans, strict=True)) if deployed else []

    def up(self, image: str) -> Deployed:
        """Bring it up, or put another image in the place of the one that serves."""
        with self._lock:
            rollout = replace(self.rollout, launched=self._look_after)
            self.deployed = roll_out(rollout, image=image)
            return self.deployed

    def renew(self, image: str) -> bool:
        """As a save of the environment asks for; False if all is over meanwhile."""
        if self._over:
            return False
        self.up(image)
        return True

    def reloaded(self) -> None:
        """The router lets go of the connections to the workers that were."""
        state = self.deployed and self.rollout.endpoints.find(self.deployed.state.name)
        if state and ask(state, "reloaded") is None:
            console.warn(f"the router of `{state.name}` does not answer")

    def wait(self) -> None:
        """Return when another command has the deployment; raise when all replicas have ended."""
        while True:
            self._changed.wait(1.0)
            self._changed.clear()
            with self._lock:
                if not self._is_ours():
                    console.say("another command has this deployment now")
                    return
                self._keep_router()
                services = [service for service, _ in self.replicas]
                states = [service.handle.state() for service in services]
            if not any(state.is_running for state in states):
                raise services[-1].ended(states[-1])

    def down(self) -> None:
        with self._lock:
            self._over = True
            if self.deployed:
                state = self.deployed.state
                rollout = self.rollout
                withdraw(
                    rollout.endpoints,
                    state.name,
                    self.deployed.serving,
                    rollout.engine,
                    say=console.say,
                )

    def _is_ours(self) -> bool:
        if self.deployed is None:
            return False
        state = self.rollout.endpoints.find(self.deployed.state.name)
        serving = self.deployed.serving
        return state is not None and state.deployments.get(serving.name) == serving

    def _keep_router(self) -> None:
        """Somebody may have killed it."""
        rollout = self.rollout
        repaired(
            rollout.endpoints,
            rollout.endpoint.name,
            environ=rollout.settings.environ,
            say=console.say,
        )

    def _look_after(self, services: list[Service]) -> None:
        """Their output is shown as it comes, and their end wakes who waits."""
        self.rollout.launched(services)
        for service in services:
            console.pump(service.handle.logs(follow=True), json=self.json)
            threading.Thread(
                target=self._wait_for_end, args=(service,), name="replica", daemon=True
            ).start()

    def _wait_for_end(self, service: Service) -> None:
        service.handle.wait()
        self._changed.set()


def follow(log: Path, say: Callable[[str], None], *, from_byte: int) -> threading.Thread:
    """Say what a router writes to its log, from now on, in a thread that ends with the command."""

    def read() -> None:
        with log.open("rb") as file:
            file.seek(from_byte)
            rest = b""
            while True:
                rest += file.read()
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    say(line.decode(errors="replace").partition(" ")[2])
                threading.Event().wait(INTERVAL * 4)

    thread = threading.Thread(target=read, name="router-log", daemon=True)
    thread.start()
    return thread
