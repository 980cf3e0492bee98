"""Fit, save, load and sample step by step; the same seed gives the same rows, whole or in parts."""

import tsynth
from tsynth.data.datasets import demand


def main() -> None:
    sales = demand(products=60, days=56)
    data = tsynth.read(sales.rows, entity=sales.entity, time=sales.time)
    print(data.schema)

    train, holdout = data.split(holdout=0.3, seed=0)
    best = tsynth.recommend(train, minutes=0.3)[0]  # more time may allow a better one
    print(best.name, "because", best.reason)

    tsynth.create(best.name).fit(train, seed=0).save("model.tsynth")
    generator = tsynth.load("model.tsynth")
    whole = generator.sample(20, seed=7)
    later = generator.sample(10, seed=7, first=10)  # entities 10 to 19 of the same draw
    assert later.frame.equals(whole.take(list(range(10, 20))).frame)
    print(whole.frame.slice(0, 5))

    report = tsynth.evaluate(train, whole, holdout=holdout, scores=["marginals", "autocorrelation"])
    print(report["marginals"].verdict)


if __name__ == "__main__":
    main()
