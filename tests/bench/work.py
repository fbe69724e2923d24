# work: one row of the table, and how it is measured.
#
# A round runs the subject, the yardstick, the yardstick and the subject again, each as a
# fresh process: a machine that gets slower or faster meanwhile does so for both.  The
# yardstick's second run over its first is the noise.  What a run is stands in rates.py,
# storing.py and idle.py; scanning.py needs no processes but its own.
#
# SPDX-License-Identifier: MIT
import collections
import statistics

import peers


class Work:
    """
    The result is the subject's value over the yardstick's; or, with a unit, the
    subject's value itself.
    """
    unit = ""
    less_is_better = False
    # Of the values that it is made of.
    value_unit = "/s"
    # A side that runs once a round, and to which the subject's ratio is only noted.
    noted_side = None
    # For works of which many rounds would take too long, or too many connections.
    most_rounds = 1000

    def __init__(self, name, bar=None, aim=None, subject="bio", yardstick="count"):
        self.name, self.bar, self.aim = name, bar, aim
        self.subject, self.yardstick = subject, yardstick

    def run(self, side, bench):
        """One run of a side: its value, with all counts checked, and figures to note."""
        raise NotImplementedError

    def run_seconds(self, bench):
        """About how long a run takes."""
        raise NotImplementedError

    def missing_package(self, build):
        return peers.missing_package(self.yardstick, build)

    def rounds(self, bench):
        return min(bench.rounds, self.most_rounds)

    def sides(self):
        """Of a round, in their order."""
        sides = [self.subject, self.yardstick, self.yardstick, self.subject]
        return sides + [self.noted_side] * (self.noted_side is not None)

    def expected_seconds(self, bench):
        return self.rounds(bench) * len(self.sides()) * self.run_seconds(bench)

    def measure(self, bench):
        """All rounds, as a row of the table."""
        values, notes = collections.defaultdict(list), collections.defaultdict(list)
        for number in range(self.rounds(bench)):
            for side in self.sides():
                bench.show(f"{self.name}: round {number + 1}, {side}")
                value, figures = self.run(side, bench)
                values[side].append(value)
                for what, figure in figures.items():
                    notes[f"{side}: {what}"].append(figure)
        notes = {what: statistics.median(figures) for what, figures in notes.items()}
        if self.noted_side:
            notes[f"{self.subject} / {self.noted_side}"] = (
                statistics.median(values[self.subject])
                / statistics.median(values[self.noted_side]))
        return self.make_row(values[self.subject], values[self.yardstick], notes)

    def make_row(self, subjects, yardsticks, notes):
        """From the values in the order of measurement, two a round and side."""
        results, noises = [], []
        for i in range(0, len(subjects), 2):
            subject, yardstick = sum(subjects[i:i + 2]), sum(yardsticks[i:i + 2])
            results.append(subject / 2 if self.unit else subject / yardstick)
            noises.append(yardsticks[i + 1] / yardsticks[i])
        result = statistics.median(results)
        return {
            "name": self.name, "subject": self.subject, "yardstick": self.yardstick,
            "unit": self.unit, "less_is_better": self.less_is_better,
            "result": result, "results": results,
            "noise": statistics.median(noises), "noises": noises,
            "bar": self.bar, "aim": self.aim, "verdict": self.judge(result),
            "value_unit": self.value_unit,
            "subject_value": statistics.median(subjects),
            "yardstick_value": statistics.median(yardsticks), "notes": notes,
        }

    def judge(self, result):
        def reaches(mark):
            return mark is not None and (
                result <= mark if self.less_is_better else result >= mark)

        if self.bar is None:
            return ""
        if reaches(self.aim):
            return "aim reached"
        return "ok" if reaches(self.bar) else "below the bar"
