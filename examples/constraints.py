"""Rules that hold in payments are found, shown with their share, and kept by what is made."""

import tsynth
from tsynth.data.constraints import find
from tsynth.data.datasets import fraud


def main() -> None:
    payments = fraud(accounts=150, months=4)
    data = tsynth.read(payments.rows, entity=payments.entity, time=payments.time, roles=payments.roles)

    rules = find(data, seed=0)
    for rule in rules:
        print(f"{rule.share:8.2%}  {rule.sentence()}")

    generator = tsynth.create("markov_renewal").fit(data)  # looks for the same rules, and takes them off
    made = generator.sample(50, seed=1)
    for rule in rules:
        print(f"{rule.holds(made):8.2%} of the synthetic rows: {rule.sentence()}")


if __name__ == "__main__":
    main()
