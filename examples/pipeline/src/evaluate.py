"""Say how often the model is right on data that it has not seen."""

import argparse
import json
import pickle
from pathlib import Path

import pandas as pd


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    args = parser.parse_args()
    forest = pickle.loads((args.model / "model.pkl").read_bytes())  # noqa: S301  # the step before
    frame = pd.read_csv(args.test / "iris.csv")
    accuracy = forest.score(frame.drop(columns="target"), frame["target"])
    args.report.write_text(json.dumps({"accuracy": round(accuracy, 4), "rows": len(frame)}))
    print(f"accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
