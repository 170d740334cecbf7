"""Makes model/iris.joblib from scikit-learn's bundled data."""

from pathlib import Path

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

data = load_iris()
model = LogisticRegression(max_iter=1000).fit(data.data, data.target)

path = Path(__file__).parent / "model" / "iris.joblib"
path.parent.mkdir(exist_ok=True)
joblib.dump(model, path)
