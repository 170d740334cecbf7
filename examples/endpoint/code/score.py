"""Scoring script of the iris endpoint: the species of each flower, and which deployment said so."""

import json
import os
from pathlib import Path

import joblib
import numpy as np

SPECIES = ["setosa", "versicolor", "virginica"]

model = None


def init():
    """Azure ML calls this once in each worker, before the first request."""
    global model
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "model" / "iris.joblib")


def run(raw_data):
    """Called for each request with the body as text; what it returns is sent as JSON."""
    rows = np.array(json.loads(raw_data)["data"])
    species = [SPECIES[index] for index in model.predict(rows)]
    return {"species": species, "deployment": os.environ.get("COLOUR", "")}
