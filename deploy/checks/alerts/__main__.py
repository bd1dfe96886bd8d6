"""`python -m deploy.checks.alerts` prints one line a finding, and exits with 1 on any. `--write`
writes the dashboards and the table of alerts anew, and checks nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from deploy.checks.alerts import findings
from deploy.checks.alerts.places import Places
from deploy.checks.alerts.promtool import PromtoolMissing, find_promtool
from deploy.checks.alerts.rules import read_rules
from deploy.checks.alerts.table import written
from deploy.dashboards.__main__ import main as write_dashboards


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, or write what is made from other things."""
    parser = argparse.ArgumentParser(prog="python -m deploy.checks.alerts", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the made files anew")
    if parser.parse_args(arguments).write:
        return _write(Places())
    try:
        promtool = find_promtool()
    except PromtoolMissing as missing:
        print(f"SKIPPED, what only promtool can judge: {missing}.", file=sys.stderr)
        promtool = None
    found = list(findings(promtool))
    for finding in found:
        print(finding)
    rules = read_rules(Places().rules)
    judged = "promtool and this check" if promtool else "this check, without promtool"
    print(f"{len(rules.alerts)} alerts, judged by {judged}: {len(found) or 'no'} findings")
    return 1 if found else 0


def _write(places: Places) -> int:
    page = places.page.read_text(encoding="utf-8")
    places.page.write_text(written(page, read_rules(places.rules)), encoding="utf-8")
    return write_dashboards([], folder=places.dashboards)


if __name__ == "__main__":
    sys.exit(main())
