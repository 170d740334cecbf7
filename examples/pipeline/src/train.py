"""Fit a random forest and keep it."""

import argparse
import pickle
from pathlib import Path

import pandas as pd
from sklearn.ensemble import RandomForestClassifier


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--trees", type=int, default=50)
    parser.add_argument("--depth", type=int)
    parser.add_argument("--model", type=Path, required=True)
    args = parser.parse_args()
    frame = pd.read_csv(args.train / "iris.csv")
    forest = RandomForestClassifier(args.trees, max_depth=args.depth, random_state=0)
    forest.fit(frame.drop(columns="target"), frame["target"])
    (args.model / "model.pkl").write_bytes(pickle.dumps(forest))
    print(f"{args.trees} trees fitted to {len(frame)} rows")


if __name__ == "__main__":
    main()
