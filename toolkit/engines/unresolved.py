"""Why packages could not be resolved: from uv's words to an error that names who must act."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolkit.engines.feeds import url_public
from toolkit.errors import BuildFailed, EmuError, SpecError

_NO_SOLUTION: Final = 1  # uv's exit code when the requirements contradict each other
_LOGIN_HINT: Final = (
    "put user and password into the index URL of pip.conf or PIP_INDEX_URL, or into netrc: "
    "they reach the build as secrets only"
)
_REFUSED: Final = re.compile(
    r"An index URL \((?P<url>\S+)\) (?:could not be queried|returned)[^\n]*"
    r"\((?P<status>401 Unauthorized|403 Forbidden)\)"
)
_REFUSED_FILE: Final = re.compile(
    r"HTTP status client error \((?P<status>401 Unauthorized|403 Forbidden)\) for url "
    r"\((?P<url>\S+?)\)"
)
_FETCHED: Final = re.compile(r"Failed to (?:fetch|download)[^\n]*?(?P<url>https?://[^\s`]+)")
_CERTIFICATE: Final = re.compile(r"invalid peer certificate: (?P<why>[^\n]+)")
_EXPIRED: Final = re.compile(r"\bExpired|\bcertificate expired", re.IGNORECASE)
_REQUIREMENT: Final = re.compile(
    r"\s*-?\s*[\"']?(?P<text>(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*[=<>~!][^\"'#;]*)"
)
_NAMES: Final = re.compile(r"([A-Za-z0-9][\w.-]*?)(?=[=<>~!\s,\[]|$)")


def failure(exit_code: int, text: str, spec: Path) -> EmuError:
    """The error for what uv said."""
    return (
        _refused(text)
        or _untrusted(text)
        or _contradiction(exit_code, text, spec)
        or BuildFailed(
            "the packages of the environment could not be resolved",
            details=text.strip(),
            hint="check the network and the package index (`aml-emu doctor`)",
        )
    )


def lacks_a_package(text: str) -> bool:
    """Whether some package was nowhere: perhaps because an index refused to answer."""
    return "was not found in the package registry" in text


def tells_of_refusal(text: str) -> bool:
    """Whether an index asked for a password."""
    return bool(_REFUSED.search(text))


def _refused(text: str) -> BuildFailed | None:
    match = _REFUSED.search(text) or _REFUSED_FILE.search(text)
    if not match:
        return None
    url, status = url_public(match["url"]), match["status"]
    if status.startswith("403"):
        problem = f"the package index refuses access: {url}"
    else:
        problem = f"the package index asks for a valid password: {url}"
    return BuildFailed(problem, details=text.strip(), hint=_LOGIN_HINT)


def _untrusted(text: str) -> BuildFailed | None:
    match = _CERTIFICATE.search(text)
    if not match:
        return None
    fetched = _FETCHED.search(text)
    url = url_public(fetched["url"]) if fetched else "unknown"
    problem = "has expired" if _EXPIRED.search(match["why"]) else "is not trusted"
    return BuildFailed(
        f"the certificate of the package index {problem}: {url}",
        details=text.strip(),
        hint="name your company's CA bundle in SSL_CERT_FILE; `aml-emu doctor` says which is used",
    )


@dataclass(frozen=True)
class _Line:
    number: int
    name: str
    text: str


def _contradiction(exit_code: int, text: str, spec: Path) -> SpecError | None:
    if exit_code != _NO_SOLUTION or "No solution found" not in text:
        return None
    guilty = _guilty_lines(text, spec)
    place = f"{spec}:{guilty[0].number}" if guilty else f"{spec}"
    blamed = [f"`{guilty[0].text}`"] if guilty else []
    blamed += [f"`{line.text}` (line {line.number})" for line in guilty[1:]]
    who = f": {' and '.join(blamed)}" if blamed else ""
    return SpecError(
        f"{place}: no set of versions meets these requirements{who}",
        details=text.strip(),
        hint="loosen one of the pins named above",
    )


def _guilty_lines(text: str, spec: Path) -> list[_Line]:
    """The lines of the file whose packages uv's explanation names.

    Python is named in many explanations that are about a package: it is the last to be blamed.
    """
    named = {_canonical(name) for name in _NAMES.findall(text)}
    lines = list(_requirements(spec))
    packages = [line for line in lines if line.name != "python" and line.name in named]
    if packages:
        return packages
    return [line for line in lines if line.name == "python" and "python" in named][:1]


def _requirements(spec: Path) -> list[_Line]:
    numbered = enumerate(spec.read_text("utf-8").splitlines(), start=1)
    found = ((number, _REQUIREMENT.match(line)) for number, line in numbered)
    return [
        _Line(number, _canonical(match["name"]), match["text"].strip())
        for number, match in found
        if match
    ]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
