"""`make bench`: measures the suite beside its floors, in the same run, and writes the figures.

Each figure goes to build/bench/<name>.json with its floor, their ratio and the goal for the ratio.
Times are only compared with each other: a ratio below its goal ends the run with 1.
"""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench import floors, pipeline

RESULTS = Path("build/bench")
SHORT = os.environ.get("BENCH") == "short"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement beside its floor."""

    name: str
    value: float
    unit: str
    floor_name: str
    floor: float
    goal: float

    @property
    def ratio(self) -> float:
        """The measurement in floors."""
        return self.value / self.floor

    def write(self) -> None:
        """Keep the figure for later comparison."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        content = asdict(self) | {"ratio": self.ratio}
        (RESULTS / f"{self.name}.json").write_text(json.dumps(content, indent=2) + "\n")

    def show(self) -> None:
        """Print the figure as one line."""
        verdict = "ok" if self.ratio >= self.goal else "BELOW ITS GOAL"
        print(
            f"{self.name}: {self.value:,.0f} {self.unit}; {self.floor_name} {self.floor:,.0f}; "
            f"ratio {self.ratio:.3g}, goal {self.goal:.3g}: {verdict}",
            flush=True,
        )


async def measure() -> list[Figure]:
    """Run every measurement."""
    batched, single = await pipeline.measure(short=SHORT)
    insert = floors.sqlite_insert_rate()
    return [
        Figure("pipeline_batches", batched, "calls/s", "one call an event", single, 30.0),
        Figure("pipeline_of_insert", batched, "calls/s", "bare insert of a row", insert, 0.01),
    ]


def main() -> int:
    """Measure, show, write; 1 when a ratio is below its goal."""
    figures = asyncio.run(measure())
    for figure in figures:
        figure.write()
        figure.show()
    return 0 if all(figure.ratio >= figure.goal for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
