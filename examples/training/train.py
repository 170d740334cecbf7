"""Trains a classifier of iris flowers, logs how well it does, and saves the model."""

import argparse
from pathlib import Path

import joblib
import mlflow
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning_rate", type=float, default=0.1)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--model", default="outputs/model")
    args = parser.parse_args()

    data = load_iris()
    split = train_test_split(data.data, data.target, test_size=0.3, random_state=0)
    train_x, test_x, train_y, test_y = split

    mlflow.log_params({"learning_rate": args.learning_rate, "steps": args.steps})
    model = GradientBoostingClassifier(
        learning_rate=args.learning_rate, n_estimators=args.steps, random_state=0
    )
    model.fit(train_x, train_y)
    for step, probabilities in enumerate(model.staged_predict_proba(test_x), start=1):
        loss = log_loss(test_y, probabilities)
        mlflow.log_metric("loss", loss, step=step)
        print(f"step {step}: loss {loss:.4f}")

    accuracy = accuracy_score(test_y, model.predict(test_x))
    mlflow.log_metric("accuracy", accuracy)
    print(f"accuracy {accuracy:.3f}")

    folder = Path(args.model)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "iris.joblib")


if __name__ == "__main__":
    main()
