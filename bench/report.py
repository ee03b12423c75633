"""The outcome as a table, a page and a chart."""

SERVERS = ["nopoll", "uWebSockets", "fastwebsockets", "libwebsockets"]
COLOURS = {"nopoll": "#2f6f4f", "uWebSockets": "#b5651d", "fastwebsockets": "#5b7ca3", "libwebsockets": "#9a8c98"}


def met(value, target, better="more"):
    if target is None:
        return ""
    return "yes" if (value >= target if better == "more" else value <= target) else "no"


def number(value, unit=""):
    text = f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return f"{text} {unit}".strip()


def table(outcome):
    """Ratios to the raw server, in Markdown."""
    names = [n for n in SERVERS if any(n in entry["servers"] for entry in outcome["speed"])]
    lines = ["| row | work | raw, per s | " + " | ".join(names) + " | spread | CPU | target | met |",
             "|---|---|---|" + "---|" * len(names) + "---|---|---|---|"]
    for entry in outcome["speed"]:
        servers, ours = entry["servers"], entry["servers"]["nopoll"]
        ratios = [f"{servers[n]['ratio']:.2f}" if n in servers else "" for n in names]
        ratios[0] = f"**{ratios[0]}**"
        low, high = ours["spread"]
        target = entry["target"]
        lines.append(f"| {entry['row']} | {entry['work']} | {number(servers['raw']['rate'])} | "
                     + " | ".join(ratios) + f" | {low:.2f}–{high:.2f} | {ours['cpu_ratio']:.2f} | "
                     + f"{'' if target is None else f'{target:.2f}'} | {met(ours['ratio'], target)} |")
    if not outcome["speed"]:
        lines = []
    lines += ["", "| row | what | value | spread | target | met |", "|---|---|---|---|---|---|"]
    for fact in outcome["facts"]:
        target = "" if fact["target"] is None else number(fact["target"], fact["unit"])
        spread = "–".join(number(value) for value in fact.get("spread", []))
        lines.append(f"| {fact['row']} | {fact['what']} | {number(fact['value'], fact['unit'])} | {spread} | {target} | "
                     f"{met(fact['value'], fact['target'], fact['better'])} |")
    return "\n".join(lines).strip()


def latencies(outcome):
    """From a message's being sent to its reply's last byte, in Markdown."""
    entries = [entry for entry in outcome["speed"] if entry["servers"]["nopoll"]["p50_us"] > 0]
    names = ["raw", *(n for n in SERVERS if any(n in entry["servers"] for entry in entries))]
    lines = ["| row | work | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for entry in entries:
        found = [entry["servers"].get(name) for name in names]
        times = [f"{one['p50_us']:,.0f} / {one['p99_us']:,.0f}" if one else "" for one in found]
        lines.append(f"| {entry['row']} | {entry['work']} | " + " | ".join(times) + " |")
    return "\n".join(lines)


def runs(outcome):
    if outcome["runs"] == 1:
        return ""
    return f"All of it was run {outcome['runs']} times; what follows are the medians of the runs. "


def page(outcome):
    return f"""# Benchmarks

Made with `{outcome['command'].strip()}` on {outcome['made']}: {outcome['machine']}. The server runs on
one core, the load generator on another, over loopback. {outcome['rounds']} rounds of
{outcome['seconds']:g} s each, servers in turn (A B A B); medians of the rounds. {runs(outcome)}Everything in default
settings, `cargo build --release`. `bench/README.md` says what each program does;
[performance.md](performance.md) what stands behind the rows whose target is not met.

A number in the column of a server is its rate as a ratio of the *raw* server's in the same round: an
epoll loop (for TLS with OpenSSL) that sends back what it gets and looks at nothing. The spread is that of our
{'runs' if outcome['runs'] > 1 else 'rounds'}.
*CPU* is the processor time the raw server needs per message, divided by ours: other load on the
machine hardly touches it.

![Ratios to the raw server](benchmarks.svg)

{table(outcome)}

## Latency

From sending a message to having its reply, in µs: half of the messages take less than the first number,
99 of 100 less than the second, to within 3 %. With several in flight that includes waiting for those
before.

{latencies(outcome)}
"""


def chart(outcome):
    """Bars of the ratios, one group per workload."""
    entries = outcome["speed"]
    names = [n for n in SERVERS if any(n in entry["servers"] for entry in entries)]
    bar, gap, left, width = 12, 14, 330, 420
    top = 46
    height = top + sum(gap + bar * sum(n in e["servers"] for n in names) for e in entries) + 20
    most = max([1.0] + [e["servers"][n]["ratio"] for e in entries for n in names if n in e["servers"]])
    scale = width / most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{height}" '
           'font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="#ffffff"/>']
    for place, name in enumerate(names):
        out.append(f'<rect x="{12 + place * 130}" y="12" width="11" height="11" fill="{COLOURS[name]}"/>'
                   f'<text x="{28 + place * 130}" y="22">{name}</text>')
    limit = left + scale
    out.append(f'<line x1="{limit:.1f}" y1="{top - 8}" x2="{limit:.1f}" y2="{height - 12}" '
               'stroke="#888888" stroke-dasharray="3 3"/>'
               f'<text x="{limit:.1f}" y="{top - 11}" text-anchor="middle" fill="#666666">raw = 1</text>')
    y = top
    for entry in entries:
        shown = [n for n in names if n in entry["servers"]]
        middle = y + bar * len(shown) / 2 + 4
        out.append(f'<text x="{left - 8}" y="{middle:.1f}" text-anchor="end">{entry["row"]}: {entry["work"]}</text>')
        for name in shown:
            ratio = entry["servers"][name]["ratio"]
            out.append(f'<rect x="{left}" y="{y}" width="{ratio * scale:.1f}" height="{bar - 2}" '
                       f'fill="{COLOURS[name]}"/><text x="{left + ratio * scale + 4:.1f}" y="{y + 9}">{ratio:.2f}</text>')
            y += bar
        y += gap
    out.append("</svg>")
    return "\n".join(out) + "\n"
