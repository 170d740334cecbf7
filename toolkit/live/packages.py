"""From an environment to packages that can be installed, and the secrets it takes to fetch them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from toolkit.engines.feeds import check_channels, with_lines, without_passwords
from toolkit.engines.lock import kept_lock, lock_path, resolve
from toolkit.engines.trust import HostTrust, host_trust
from toolkit.plans.foundation import listed_in
from toolkit.plans.model import CondaMode, ImageKind
from toolkit.plans.packages import CondaSolved, Locked, Packages, Present, plan_packages
from toolkit.plans.requirements import require_locked_server
from toolkit.settings import Settings
from toolkit.specs.environment import Environment, PipEnvironment

Say = Callable[[str], None]
Meanwhile = Callable[[Locked, HostTrust], AbstractContextManager[None]]


def no_work(_packages: Locked, _trust: HostTrust) -> AbstractContextManager[None]:
    """What is done meanwhile, where nothing is to be built."""
    return nullcontext()


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """`packages` are public, with no password in them; those are in `trust`."""

    packages: Packages
    trust: HostTrust


def resolve_packages(
    environment: Environment,
    settings: Settings,
    *,
    kind: ImageKind,
    mode: CondaMode,
    platform: str,
    say: Say,
    meanwhile: Meanwhile = no_work,
) -> Resolved:
    """What is to be installed; requirements are resolved unless the kept lock still holds.

    `meanwhile` is entered while they are, with what is certain already: all but the lock.
    """
    wanted = plan_packages(environment, kind=kind, mode=mode)
    notes = () if isinstance(environment, PipEnvironment) else environment.notes
    for note in (*notes, *wanted.notes):
        say(note)
    spec = listed_in(environment) or settings.project
    trust = host_trust(settings.environ)
    if isinstance(wanted, Present):
        return Resolved(packages=wanted, trust=trust)
    if isinstance(wanted, CondaSolved):
        return _for_conda(wanted, settings, trust, spec=spec)
    lines = (*wanted.lines, *wanted.upgrades)
    trust = with_lines(trust, lines, settings.environ, spec=spec)
    path = lock_path(
        settings.state_folder, name=environment.name, platform=platform, python=wanted.python
    )
    lock = kept_lock(wanted, platform=platform, path=path)
    if lock is None:
        with meanwhile(Locked(python=wanted.python, lock=""), trust):
            lock = resolve(
                wanted,
                platform=platform,
                path=path,
                spec=spec,
                trust=trust,
                environ=settings.environ,
            )
    if kind == "inference":
        require_locked_server(spec, lock)
    return Resolved(packages=Locked(python=wanted.python, lock=lock), trust=trust)


def _for_conda(
    wanted: CondaSolved, settings: Settings, trust: HostTrust, *, spec: Path
) -> Resolved:
    check_channels(wanted.channels, spec=spec)
    lines = (*wanted.requirements, *wanted.upgrades)
    public = replace(
        wanted,
        requirements=without_passwords(wanted.requirements),
        upgrades=without_passwords(wanted.upgrades),
    )
    return Resolved(packages=public, trust=with_lines(trust, lines, settings.environ, spec=spec))
