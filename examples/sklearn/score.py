"""Scoring script of the iris example: which species is a flower of these four measurements?"""

import json
import logging
import os
from pathlib import Path

import joblib
import numpy as np

SPECIES = ["setosa", "versicolor", "virginica"]

model = None


def init():
    """Azure ML calls this once in each worker, before the first request."""
    global model
    path = Path(os.environ["AZUREML_MODEL_DIR"]) / "model" / "iris.joblib"
    model = joblib.load(path)
    logging.getLogger(__name__).info("loaded %s", path)


def run(raw_data):
    """Called for each request with the body as text; what it returns is sent as JSON."""
    rows = np.array(json.loads(raw_data)["data"])
    predicted = model.predict(rows)
    return {"species": [SPECIES[index] for index in predicted]}
