"""gunicorn's hooks: in the master they count workers, in a worker they open its session."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any, Dict, List, Optional

from .contract import Contract
from .pool import Pool
from .preload import Master
from .retirement import announce_retirement
from .script import watch_script
from .session import WorkerSession, say
from .swap import Swapper

CANDIDATE_FAILED = 90
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104  # to be replaced
DEBUG_THREADS = 4
USER_SCRIPT_MODULE = "azureml_inference_server_http.server.user_script"


class ServerHooks:
    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._session: Optional[WorkerSession] = None
        self._master: Optional[Master] = None
        self._settled = 0
        self._correcting = False

    def settings(self) -> Dict[str, Any]:
        """What gunicorn reads from its configuration file."""
        if self._contract.reload is None and not self._contract.debug:
            return {"on_starting": self.stay_inside}
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
        self.stay_inside(server)
        self._master = Master(self._contract)
        self._master.introduce()

    def stay_inside(self, server: Any) -> None:
        """Listen where the contract says: only a hook has the last word over the server package."""
        host = self._contract.host
        server.cfg.set("bind", [each.replace(ALL_ADDRESSES, host, 1) for each in server.cfg.bind])

    def nworkers_changed(self, server: Any, new: int, old: Optional[int]) -> None:
        """SIGTTIN asks for a candidate; SIGTTOU accepts it in the place of an old worker."""
        if self._correcting:
            return
        if old is not None and new == old + 1:
            self._spawn_beside_retired(server)
            return
        self._settled = new
        workers = sorted(server.WORKERS.values(), key=lambda worker: int(worker.age))
        for worker in workers:
            worker.aml_emu_candidate = False
        for worker in workers[: max(0, len(workers) - new)]:
            worker.aml_emu_retired = True

    def pre_fork(self, server: Any, worker: Any) -> None:
        serving = [each for each in _present(server) if not each.aml_emu_candidate]
        worker.aml_emu_candidate = 0 < self._settled <= len(serving)
        worker.aml_emu_retired = False

    def _spawn_beside_retired(self, server: Any) -> None:
        """Spawn what gunicorn does not, since it counts a worker until that is gone."""
        missing = server.num_workers - len(_present(server))
        gunicorn_spawns = server.num_workers - len(server.WORKERS)
        for _ in range(missing - max(0, gunicorn_spawns)):
            server.spawn_worker()

    def post_fork(self, _server: Any, worker: Any) -> None:
        session = WorkerSession(
            self._contract,
            worker,
            candidate=worker.aml_emu_candidate,
            preloaded=self._master is not None and self._master.has_preloaded,
        )
        self._session = session
        if self._contract.reload is not None:
            swapper = Swapper(self._contract, session)
            session.operations.update(swap=swapper.operate, abandon=swapper.abandon)
        if self._contract.debug:
            worker.get_thread_pool = partial(
                Pool,
                DEBUG_THREADS,
                attended=lambda: session.is_attended,
                before=session.before_alone,
            )
        session.start()
        announce_retirement(worker, session.draining)
        try:
            module = importlib.import_module(USER_SCRIPT_MODULE)
        except ImportError as error:
            say(f"this inference server has no {USER_SCRIPT_MODULE}: {error}")
            return
        watch_script(module.UserScript, session)

    def post_worker_init(self, _worker: Any) -> None:
        if self._session is not None:
            self._session.ready()

    def worker_exit(self, _server: Any, _worker: Any) -> None:
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


def _present(server: Any) -> List[Any]:
    """The workers that have not been asked to go."""
    return [worker for worker in server.WORKERS.values() if not worker.aml_emu_retired]
