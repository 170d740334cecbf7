"""Serves the model that train.py makes: which species is a flower of these measurements?"""

import json
import os
from pathlib import Path

import joblib
import numpy as np

SPECIES = ["setosa", "versicolor", "virginica"]

model = None


def init():
    global model
    (path,) = Path(os.environ["AZUREML_MODEL_DIR"]).rglob("iris.joblib")
    model = joblib.load(path)


def run(raw_data):
    rows = np.array(json.loads(raw_data)["data"])
    return {"species": [SPECIES[index] for index in model.predict(rows)]}
