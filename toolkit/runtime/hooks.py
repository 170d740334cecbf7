"""gunicorn's hooks: in the master they count workers, in a worker they open its session."""

from __future__ import annotations

import importlib
from typing import Any, Dict, Optional

from .contract import Contract
from .preload import Master
from .script import watch_script
from .session import WorkerSession, say

CANDIDATE_FAILED = 90
DEBUG_THREADS = 4
USER_SCRIPT_MODULE = "azureml_inference_server_http.server.user_script"


class ServerHooks:
    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._session: Optional[WorkerSession] = None
        self._settled = 0
        self._correcting = False

    def settings(self) -> Dict[str, Any]:
        """What gunicorn reads from its configuration file."""
        if self._contract.reload is None and not self._contract.debug:
            return {}
        settings: Dict[str, Any] = {"control_socket_disable": True}
        if self._contract.debug:
            # A worker with threads answers probes while one request stands at a breakpoint.
            settings.update(worker_class="gthread", threads=DEBUG_THREADS)
        for name in (
            "on_starting",
            "nworkers_changed",
            "pre_fork",
            "post_fork",
            "post_worker_init",
            "worker_exit",
            "child_exit",
        ):
            settings[name] = getattr(self, name)
        return settings

    def on_starting(self, server: Any) -> None:
        Master(self._contract).introduce()

    def nworkers_changed(self, server: Any, new: int, old: Optional[int]) -> None:
        """SIGTTIN asks for a candidate; SIGTTOU accepts it in the place of an old worker."""
        if self._correcting or (old is not None and new == old + 1):
            return
        self._settled = new
        for worker in server.WORKERS.values():
            worker.aml_emu_candidate = False

    def pre_fork(self, server: Any, worker: Any) -> None:
        serving = sum(not each.aml_emu_candidate for each in server.WORKERS.values())
        worker.aml_emu_candidate = self._settled > 0 and serving >= self._settled

    def post_fork(self, server: Any, worker: Any) -> None:
        self._session = WorkerSession(self._contract, worker, candidate=worker.aml_emu_candidate)
        self._session.start()
        stop = worker.handle_exit

        def handle_exit(signal: int, frame: Any) -> None:
            stop(signal, frame)
            self._session.draining()

        worker.handle_exit = handle_exit
        try:
            module = importlib.import_module(USER_SCRIPT_MODULE)
        except ImportError as error:
            say(f"this inference server has no {USER_SCRIPT_MODULE}: {error}")
            return
        watch_script(module.UserScript, self._session)

    def post_worker_init(self, worker: Any) -> None:
        if self._session is not None:
            self._session.ready()

    def worker_exit(self, server: Any, worker: Any) -> None:
        """In a candidate that did not boot: leave with a code that does not end the server."""
        session = self._session
        if session is not None and session.candidate and not session.is_ready:
            raise SystemExit(CANDIDATE_FAILED)

    def child_exit(self, server: Any, worker: Any) -> None:
        """In the master: a candidate that died is not missed."""
        if not worker.aml_emu_candidate:
            return
        self._correcting = True
        try:
            server.num_workers -= 1
        finally:
            self._correcting = False
