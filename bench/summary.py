"""Several runs as one: medians, and how far the runs lie apart."""
from statistics import median


def of(runs):
    """What a single run has found as it is; of several the medians, and as spread their extremes."""
    if len(runs) == 1:
        return runs[0]
    return {
        "load_before": max(run["load_before"] for run in runs),
        "speed": [one_row(entries) for entries in zip(*(run["speed"] for run in runs))],
        "facts": [one_fact(facts) for facts in zip(*(run["facts"] for run in runs))],
    }


def one_row(entries):
    servers = {}
    for name in entries[0]["servers"]:
        found = [entry["servers"][name] for entry in entries]
        ratios = [one["ratio"] for one in found]
        servers[name] = {key: median(one[key] for one in found) for key in found[0] if key != "spread"}
        servers[name]["spread"] = [min(ratios), max(ratios)]
    return entries[0] | {"servers": servers}


def one_fact(facts):
    values = [fact["value"] for fact in facts]
    return facts[0] | {"value": median(values), "spread": [min(values), max(values)]}
