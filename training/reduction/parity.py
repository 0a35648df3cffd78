"""How far a reduced file's answers are from those of the file it was made from."""

import numpy as np


def compare(reference, other, feeds, worst=5):
    """Tensor errors of `other` against `reference` (sessions) over inputs: for each output the greatest, the mean and the
    99.9th percentile of the difference, the root mean square of the reference, and the inputs with the greatest mean
    difference."""
    names = [output.name for output in reference.get_outputs()]
    differences = {name: [] for name in names}
    powers = {name: [] for name in names}
    greatest = {name: 0.0 for name in names}
    count = 0
    for feed in feeds:
        count += 1
        for name, a, b in zip(names, reference.run(names, feed), other.run(names, feed)):
            error = np.abs(a - b)
            differences[name].append((float(error.mean()), float(np.percentile(error, 99.9))))
            powers[name].append(float((a * a).mean()))
            greatest[name] = max(greatest[name], float(error.max()))
    table = {"inputs": count}
    for name in names:
        means, tails = np.array(differences[name]).T
        order = np.argsort(-means, kind="stable")[:worst]
        table[name] = {"mean": round(float(means.mean()), 6), "p99_9": round(float(tails.mean()), 6),
                       "greatest": round(greatest[name], 6), "rms": round(float(np.sqrt(np.mean(powers[name]))), 6),
                       "worst_inputs": {int(i): round(float(means[i]), 6) for i in order}}
    return table
