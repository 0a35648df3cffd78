"""Runs the steps of a pipeline one after the other and goes on where it stopped."""

import json
import os
import time


class Step:
    """`run()` does the work, writes what later steps need, and gives a result that JSON can hold; `within` are files by which
    it goes on in its middle."""

    def __init__(self, name, about, run, within=()):
        self.name, self.about, self.run, self.within = name, about, run, within


class Pipeline:
    """Steps with the folder in which it is noted which of them are done."""

    def __init__(self, folder, steps):
        self.folder, self.steps = folder, steps
        os.makedirs(folder, exist_ok=True)

    def note(self, name):
        return os.path.join(self.folder, f"{name}.done.json")

    def run(self, again_from=None, until=None):
        """Runs what is not done, up to `until`; `again_from` names the first step to be done anew, with all after it."""
        names = [step.name for step in self.steps]
        for asked in (again_from, until):
            if asked is not None and asked not in names:
                raise SystemExit(f"step {asked}: expected one of {', '.join(names)}")
        if again_from is not None:
            for step in self.steps[names.index(again_from):]:
                for path in (self.note(step.name), *step.within):
                    if os.path.exists(path):
                        os.remove(path)
        results = {}
        for number, step in enumerate(self.steps, 1):
            head = f"[{number}/{len(self.steps)}] {step.name}"
            if os.path.exists(self.note(step.name)):
                print(f"{head}: done before", flush=True)
            else:
                print(f"{head}: {step.about}", flush=True)
                began = time.time()
                result = step.run()
                with open(self.note(step.name) + ".new", "w") as file:
                    json.dump({"seconds": round(time.time() - began, 1), "result": result}, file, indent=2)
                os.replace(self.note(step.name) + ".new", self.note(step.name))
            with open(self.note(step.name)) as file:
                noted = json.load(file)
            results[step.name] = noted["result"]
            print(f"{head}: {noted['seconds']:.0f} s", flush=True)
            if step.name == until:
                break
        return results


class Progress:
    """A line now and then: how far, how good, how long to go."""

    def __init__(self, what, total, done=0, every_s=20.0):
        self.what, self.total, self.first, self.every_s = what, total, done, every_s
        self.began = self.told = time.time()
        self.sums, self.count = {}, 0

    def add(self, done, **numbers):
        """Says how the mean of the numbers since the last line stands, if it is time."""
        self.count += 1
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        now = time.time()
        if now - self.told < self.every_s and done < self.total:
            return
        means = ", ".join(f"{name} {value / self.count:.4f}" for name, value in self.sums.items())
        left = (now - self.began) / max(done - self.first, 1) * (self.total - done)
        print(f"  {self.what} {done}/{self.total}: {means}, {left / 60:.1f} min to go", flush=True)
        self.told, self.sums, self.count = now, {}, 0
