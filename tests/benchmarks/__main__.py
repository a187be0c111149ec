"""`make bench`: every benchmark in a process of its own, in turn. `python -m tests.benchmarks kills` runs one,
with its options behind it.

The whole of it takes about an hour on two cores, most of it for the kills, which need jobs of at least a minute.
"""

import subprocess
import sys
from collections.abc import Sequence

BENCHMARKS = (
    "ledger_at_size",
    "limits_of_parts",
    "simulator_agrees",
    "urgent",
    "png_writer",
    "figures",
    "agreement",
    "encoders",
    "roofline",
    "busy",
    "giant",
    "tiles",
    "film_stability",
    "texture",
    "onnx_beside_torch",
    "submission",
    "empty_task",
    "efficiency",
    "three_hosts",
    "cuts",
    "kills",
    "estimates",
    "stragglers",
    "bulk",
    "evaluation_scale",
    "review_labels",
    "duplicates",
    "gates",
    "curation_speed",
    "input_pipeline",
    "training_speed",
)
TRIALS = (
    "ablations",
    "demo_cascade",
    "factors",
    "groups",
    "peers_by_verdict",
    "schedules",
    "training_peers",
)
"""Only by name: they train for a long time on a folder of photographs that is given to them."""


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, all of them by default, each with the options; 1 when one missed its goal."""
    known = {*BENCHMARKS, *TRIALS}
    first = next((place for place, each in enumerate(arguments) if each not in known), len(arguments))
    if first == 0 and arguments and not arguments[0].startswith("-"):
        print(f"no benchmark {arguments[0]}; there are {', '.join((*BENCHMARKS, *TRIALS))}", file=sys.stderr)
        return 2
    names, options = arguments[:first], arguments[first:]
    missed = []
    for name in names or BENCHMARKS:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}", *options], check=False).returncode:
            missed.append(name)
    print(f"missed: {', '.join(missed)}" if missed else "every goal was met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
