"""aml-emu invoke: call a running service as a client of the cloud endpoint would."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli import console
from toolkit.cli.options import EngineOption, Json


def invoke(
    name: Annotated[str | None, typer.Argument(help="Service name.")] = None,
    data: Annotated[str | None, typer.Option(help="Request body.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option(help="File with the request body.", show_default=False)
    ] = None,
    header: Annotated[list[str] | None, typer.Option(help="K:V, repeatable.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds; 0 waits for ever.")] = 0,
    engine: EngineOption = None,
    json: Json = False,
) -> None:
    """POST to /score and print the answer's body; exits 1 unless the status is 200."""
    from toolkit.engines.registry import make_engine
    from toolkit.errors import SpecError, UserCodeFailed
    from toolkit.live.score import score
    from toolkit.live.service import the_service
    from toolkit.settings import load_settings

    if (data is None) == (file is None):
        raise SpecError("give the request body: either `--data JSON` or `--file FILE`")
    if file is not None and not file.is_file():
        raise SpecError(f"request file not found: {file}")
    body = file.read_bytes() if file else (data or "").encode()
    headers = dict(_pair(text) for text in header or ())
    settings = load_settings(engine=engine)
    service = the_service(make_engine(settings.engine, settings.environ), name)
    answer = score(service.scoring, body, headers=headers, timeout=timeout or None)
    if json:
        console.result_json(
            {"status": answer.status, "headers": dict(answer.headers), "body": answer.text}
        )
    else:
        console.result(answer.text)
    if not answer.is_ok:
        raise UserCodeFailed(
            f"`{service.name}` answered {answer.status}",
            hint=f"run `aml-emu logs {service.name}` to see why",
        )


def _pair(text: str) -> tuple[str, str]:
    from toolkit.errors import SpecError

    key, colon, value = text.partition(":")
    if not colon:
        raise SpecError(f"not a header: {text}", hint="write `--header 'Name: value'`")
    return key.strip(), value.strip()
