#!/usr/bin/env python3
"""Measures the library's echo server beside its limit and its peers; see README.md.

    run.py [--quick] [--runs N] [--rounds N] [--seconds S] [--out DIR] [--show] [ROW...]

ROW is one of P1 ... P12; without any, all are measured. With --runs everything is measured N times
from the start; what is shown are the medians of the runs and how far they lie apart. Writes
benchmarks.md, .json and .svg into DIR (docs), of a partial run into target/bench. With --show nothing
is measured: page and chart are made again of the JSON in DIR.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import sys
from pathlib import Path

import build
import loopback
import measure
import report
import summary

# Each workload: (id, text, load command, options, peers?, target). Options: "tls", the arguments of every
# server ("servers"), those of the raw one alone ("raw"), those of ours ("ours").
SINK = {"servers": ["--sink"]}
PUSH_SMALL = "push --connections 50 --depth 2 --burst 64"
WORKLOADS = [
    ("P1", "20 B, 100 connections, one in flight", "echo --connections 100 --size 20", {}, True, 0.97),
    ("P1", "20 B text, 100 connections, one in flight", "echo --connections 100 --size 20 --text", {}, True, 0.97),
    ("P1", "125 B, 50 connections, one in flight", "echo --connections 50 --size 125", {}, True, 0.97),
    ("P1", "125 B text, 50 connections, one in flight", "echo --connections 50 --size 125 --text", {}, True, 0.97),
    ("P2", "100 B, 50 connections, 32 in flight", "echo --connections 50 --depth 32", {}, True, 0.95),
    ("P2", "100 B text, 50 connections, 32 in flight", "echo --connections 50 --depth 32 --text", {}, True, 0.95),
    ("P2", "100 B, 32 in flight, canned frames", "echo --connections 50 --depth 32 --canned", {}, True, None),
    ("P3", "16 KB, 500 connections", "echo --connections 500 --size 16384 --canned", {}, True, 0.90),
    ("P3", "16 KB text, 500 connections", "echo --connections 500 --size 16384 --text --canned", {}, True, 0.90),
    ("P4", "1 MB, 4 connections, 2 in flight", "echo --connections 4 --depth 2 --size 1000000 --canned", {}, True, 0.88),
    ("P4", "1 MB text, 4 connections, 2 in flight", "echo --connections 4 --depth 2 --size 1000000 --text --canned", {}, True, 0.80),
    ("P5", "TLS 1.3, 512 B, 100 connections", "echo --connections 100 --size 512 --tls", {"tls": True}, False, 0.95),
    ("P5", "TLS 1.3, 512 B text, 100 connections", "echo --connections 100 --size 512 --text --tls", {"tls": True}, False, 0.95),
    ("P6", "set up and closed, 50 at a time", "setup --connections 50", {"raw": ["--setup"]}, False, 0.90),
    ("one way", "100 B, 50 connections, to the server", "sink --connections 50", SINK, True, None),
    ("one way", "100 B text, 50 connections, to the server", "sink --connections 50 --text", SINK, True, None),
    ("one way", "64 KB, 4 connections, to the server", "sink --connections 4 --size 65536", SINK, True, None),
    ("one way", "64 KB text, 4 connections, to the server", "sink --connections 4 --size 65536 --text", SINK, True, None),
    ("one way", "100 B, 50 connections, to the client", PUSH_SMALL, {"servers": ["--push", "64", "100"]}, True, None),
    ("one way", "the same, with nopoll_conn_cork", PUSH_SMALL,
     {"servers": ["--push", "64", "100"], "ours": ["--cork"]}, False, None),
    ("one way", "64 KB, 4 connections, to the client", "push --connections 4 --depth 2 --burst 16 --size 65536",
     {"servers": ["--push", "16", "65536"]}, True, None),
]


def progress(text):
    print(f"[{datetime.datetime.now():%H:%M:%S}] {text}", file=sys.stderr, flush=True)


def compare(workload, programs, args):
    """One workload on every server, interleaved. Ratios are those of a round, whose servers take turns
    within seconds: a machine that others use, too, goes on changing its speed. Medians, and their spread."""
    row, text, command, options, with_peers, target = workload
    arguments = [*options.get("servers", []), *(programs.tls_arguments() if options.get("tls") else [])]
    servers = {"raw": measure.Server([programs.raw, *options.get("raw", []), *arguments]),
               "nopoll": measure.Server([programs.echo, *options.get("ours", []), *arguments])}
    if with_peers:
        servers |= {name: measure.Server([path, *arguments]) for name, path in programs.peers.items()}
    results = {name: [] for name in servers}
    try:
        for turn in range(args.rounds):
            for name, server in servers.items():
                progress(f"{row}: {text}: {name}, {turn + 1} of {args.rounds}")
                raw = name == "raw" and command.split()[0] != "setup"
                results[name].append(server.load(programs.load, command.split(), raw, args.seconds))
    finally:
        for server in servers.values():
            server.stop()
    entry = {"row": row, "work": text, "target": target, "servers": {}}
    for name, runs in results.items():
        ratios = [one["rate"] / raw["rate"] for one, raw in zip(runs, results["raw"])]
        entry["servers"][name] = {
            "rate": statistics.median(one["rate"] for one in runs),
            "ratio": statistics.median(ratios),
            "spread": [min(ratios), max(ratios)],
            "cpu_ns": statistics.median(one["cpu_ns"] for one in runs),
            "cpu_ratio": statistics.median(raw["cpu_ns"] / one["cpu_ns"] for one, raw in zip(runs, results["raw"])),
            "p50_us": statistics.median(one.get("p50_us", 0) for one in runs),
            "p99_us": statistics.median(one.get("p99_us", 0) for one in runs),
        }
    return entry


def whole_run(number, programs, args, wanted):
    if args.runs > 1:
        progress(f"run {number} of {args.runs}")
    return {
        "load_before": os.getloadavg()[0],
        "speed": [compare(w, programs, args) for w in WORKLOADS if wanted(w[0])],
        "facts": measure.facts(programs, progress, wanted, quick=args.quick),
    }


def show(outcome, out):
    (out / "benchmarks.svg").write_text(report.chart(outcome))
    (out / "benchmarks.md").write_text(report.page(outcome))
    print(report.table(outcome))
    progress(f"written to {out}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a short look: one round of half a second, no peers")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--show", action="store_true", help="make page and chart of what has been measured")
    parser.add_argument("rows", nargs="*")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 0.5
    wanted = lambda row: not args.rows or row in args.rows
    whole = not args.rows and not args.quick
    out = args.out or (build.ROOT / "docs" if whole else build.OUT)

    if args.show:
        show(json.loads((out / "benchmarks.json").read_text()), out)
        return
    programs = build.everything(progress, peers=not args.quick, sizes=wanted("P12"))
    loopback.enter(progress)
    outcome = {
        "made": datetime.date.today().isoformat(),
        "command": "scripts/bench.sh " + " ".join(sys.argv[1:]),
        "machine": f"{measure.cpu_model()}, {os.cpu_count()} cores, Linux {platform.release()}, "
                   f"TCP congestion control {loopback.congestion_control()}",
        "runs": args.runs, "rounds": args.rounds, "seconds": args.seconds,
    }
    out.mkdir(parents=True, exist_ok=True)
    single = []
    for number in range(1, args.runs + 1):
        single.append(whole_run(number, programs, args, wanted))
        # After each, so that a run that is cut short leaves those before it.
        outcome |= summary.of(single)
        (out / "benchmarks.json").write_text(
            json.dumps(outcome | ({"single": single} if args.runs > 1 else {}), indent=1) + "\n")
    show(outcome, out)


if __name__ == "__main__":
    main()
