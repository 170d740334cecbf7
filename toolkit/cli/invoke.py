"""aml-emu invoke: call a running endpoint or service as a client in the cloud would."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from toolkit.cli import console
from toolkit.cli.options import EngineOption, Json

if TYPE_CHECKING:
    from toolkit.live.score import Answer

# what HTTP can carry
_PATH: Final = re.compile(r"/[!-~]*")
_FIELD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t -~\xa0-\xff]*")


def invoke(
    name: Annotated[
        str | None, typer.Argument(help="Endpoint, `endpoint.deployment` or service.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Request body.", show_default=False)] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="File with the request body, of any kind.", show_default=False),
    ] = None,
    deployment: Annotated[
        str | None, typer.Option(help="Deployment of the endpoint.", show_default=False)
    ] = None,
    debugged: Annotated[
        bool, typer.Option("--debugged", help="Only to the replica under the debugger.")
    ] = False,
    header: Annotated[list[str] | None, typer.Option(help="K:V, repeatable.")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Key or token.  [default: the endpoint's]", show_default=False),
    ] = None,
    path: Annotated[
        str | None, typer.Option(help="Another route than the scoring one.", show_default=False)
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Print the answer's parts as they come.")
    ] = False,
    timing: Annotated[
        bool, typer.Option("--timing", help="Say how long it took, on stderr.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds; 0 waits for ever.", min=0)] = 0,
    engine: EngineOption = None,
    json: Json = False,
) -> None:
    """POST to the scoring route and print the answer's body; exits 1 unless the status is 200."""
    from toolkit.engines.registry import make_engine
    from toolkit.errors import SpecError, UserCodeFailed
    from toolkit.live.score import score
    from toolkit.live.target import target
    from toolkit.settings import load_settings

    if (data is None) == (file is None):
        raise SpecError("give the request body: either `--data JSON` or `--file FILE`")
    if stream and json:
        raise SpecError(
            "`--stream` and `--json` exclude each other", hint="leave out one of the two"
        )
    if path is not None and not _PATH.fullmatch(path):
        raise SpecError(f"not a path: {path}", hint="write `--path /ROUTE`, other signs as `%20`")
    body = request_body(data, file)
    given = dict(header_pair(text) for text in header or ())
    settings = load_settings(engine=engine)
    found = target(
        settings,
        lambda: make_engine(settings.engine, settings.environ),
        name,
        deployment=deployment,
        debugged=debugged,
        key=key,
        say=console.say,
    )
    answer = score(
        found.address,
        body,
        headers={
            **request_kind(file),
            **found.headers,
            **given,
        },
        timeout=timeout or None,
        path=path or found.path,
        on_chunk=_print if stream else None,
    )
    _tell(answer, json=json, stream=stream, timing=timing)
    if not answer.is_ok:
        raise UserCodeFailed(
            f"`{found.name}` answered {answer.status}",
            hint=f"run `aml-emu logs {found.name}` to see why",
        )


def _tell(answer: Answer, *, json: bool, stream: bool, timing: bool) -> None:
    if json:
        console.result_json(
            {
                "status": answer.status,
                "headers": dict(answer.headers),
                "body": answer.text,
                "seconds": round(answer.seconds, 6),
            }
        )
    elif not stream:
        console.result(answer.text)
    if timing:
        first, all_of_it = answer.first_byte * 1000, answer.seconds * 1000
        inside = answer.headers.get("x-ms-run-fn-exec-ms")
        run = f", in run() {inside} ms" if inside else ""
        console.say(f"first byte after {first:.1f} ms, all after {all_of_it:.1f} ms{run}")


def request_body(data: str | None, file: Path | None) -> bytes:
    from toolkit.errors import SpecError
    from toolkit.specs.yamlfile import nearest_file

    if file is None:
        return (data or "").encode()
    if not file.is_file():
        raise SpecError(f"request file not found: {file}", hint=nearest_file(file))
    return file.read_bytes()


def request_kind(file: Path | None) -> dict[str, str]:
    """JSON, unless the file's name says that it is something else."""
    import mimetypes

    if file is None or file.suffix in {"", ".json"}:
        return {}
    return {"Content-Type": mimetypes.guess_type(file.name)[0] or "application/octet-stream"}


def _print(chunk: bytes) -> None:
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def header_pair(text: str) -> tuple[str, str]:
    from toolkit.errors import SpecError

    key, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not _FIELD.fullmatch(key) or not _VALUE.fullmatch(value):
        raise SpecError(f"not a header: {text}", hint="write `--header 'Name: value'`, in Latin-1")
    return key, value
