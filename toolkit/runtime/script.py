"""The server's `UserScript`, watched: the package stays as it is, a worker wraps its methods."""

from __future__ import annotations

import functools
from typing import Any, Callable, Type

from .session import WorkerSession

Function = Callable[..., Any]


def watch_script(user_script: Any, session: WorkerSession) -> None:
    """Wrap the loading and the initialising of the class `user_script`."""
    load, init = user_script.load_script, user_script.invoke_init

    @functools.wraps(load)
    def load_script(self: Any, app_root: str) -> None:
        session.before_load()
        try:
            load(self, app_root)
        except BaseException as error:
            session.caught(getattr(error, "user_ex", error))
            session.failed("import", error)
            raise
        # Only these two are called; what the server inspects for the schema stays untouched.
        run = _after(session.before_run, self._wrapped_user_run)
        self._wrapped_user_run = _shown(run, session, Exception)
        self._user_init = _shown(self._user_init, session, BaseException)

    @functools.wraps(init)
    def invoke_init(self: Any) -> None:
        session.made.before(session.sources.modules)
        try:
            init(self)
        except BaseException as error:
            session.failed("init", error)
            raise
        session.made.after(session.sources.modules)

    user_script.load_script = load_script
    user_script.invoke_init = invoke_init


def _after(first: Callable[[], None], function: Function) -> Function:
    @functools.wraps(function)
    def after(*args: Any, **kwargs: Any) -> Any:
        first()
        return function(*args, **kwargs)

    return after


def _shown(function: Function, session: WorkerSession, kind: Type[BaseException]) -> Function:
    @functools.wraps(function)
    def shown(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except kind as error:
            session.caught(error)
            raise

    return shown
