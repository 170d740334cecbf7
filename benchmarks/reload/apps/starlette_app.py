"""score.py behind Starlette, which is what FastAPI is made of."""

from __future__ import annotations

import score
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

score.init()


async def answer(request: Request) -> JSONResponse:
    return JSONResponse(score.run(await request.body()))


app = Starlette(routes=[Route("/score", answer, methods=["POST"])])
