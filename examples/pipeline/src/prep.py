"""Split scikit-learn's iris data into a part to learn from and one to test with."""

import argparse
from pathlib import Path

from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--test-share", type=float, default=0.25)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    args = parser.parse_args()
    frame = load_iris(as_frame=True).frame
    train, test = train_test_split(frame, test_size=args.test_share, random_state=0)
    train.to_csv(args.train / "iris.csv", index=False)
    test.to_csv(args.test / "iris.csv", index=False)
    print(f"{len(train)} rows to learn from, {len(test)} to test with")


if __name__ == "__main__":
    main()
