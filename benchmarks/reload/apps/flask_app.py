"""score.py behind Flask: what somebody without Azure's server would write."""

from __future__ import annotations

import score
from flask import Flask, request

app = Flask(__name__)
score.init()


@app.post("/score")
def answer() -> dict[str, object]:
    return score.run(request.get_data(as_text=True))
