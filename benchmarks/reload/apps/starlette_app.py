"""score.py behind Starlette, which is what FastAPI is made of."""

import score
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

score.init()


async def answer(request):
    return JSONResponse(score.run(await request.body()))


app = Starlette(routes=[Route("/score", answer, methods=["POST"])])
