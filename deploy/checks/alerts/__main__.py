"""`python -m deploy.checks.alerts` prints one line a finding, and exits with 1 on any, or where it
has no promtool. `--without-promtool` leaves out what only promtool can judge. `--write` writes the
dashboards and the table of alerts anew, and checks nothing."""

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
    parser.add_argument(
        "--without-promtool", action="store_true", help="leave out what only promtool can judge"
    )
    options = parser.parse_args(arguments)
    if options.write:
        return _write(Places())
    promtool = None
    if options.without_promtool:
        print("SKIPPED: what only promtool can judge.", file=sys.stderr)
    else:
        try:
            promtool = find_promtool()
        except PromtoolMissing as missing:
            print(f"{missing}; or leave it out, with --without-promtool.", file=sys.stderr)
            return 1
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
