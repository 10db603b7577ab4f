"""Instructions per operation against ci/budget.txt; ci/budget.sh calls it when everything is built.

For each operation callgrind counts two runs of different length: the difference is the operations' own, and
that of an empty loop is taken off. `ours` are the instructions in Tieback's own library (or program), `all`
those of the interpreter and the allocator too, which are compared only where these are those of the budget.
"""

import argparse
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

SHORT, LONG = 1_000, 6_000
ALLOWANCE = 1.03
SLACK = 1.0  # An instruction: of an operation that has ten of them, 3 % are none.
RUST = ["new_drop", "clone_drop", "deref", "array"]
PYTHON = ["live_hit", "revive", "echo", "call_mixed", "construct", "field_int", "array_get"]


def read(profile, ours):
    """The instructions in a callgrind profile: all, and those in objects whose name has `ours` in it."""
    names, current, total, own, inclusive = {}, "", 0, 0, False
    for line in profile.read_text().splitlines():
        if line.startswith("ob="):
            number, _, name = line[3:].partition(" ")
            current = names.setdefault(number, name)
        elif line.startswith("calls="):
            inclusive = True  # The next line is what the callee cost.
        elif line.startswith(tuple("0123456789+-*")):
            if not inclusive:
                cost = int((line.split() + ["0"])[1])  # A cost of 0 is left out.
                total += cost
                own += cost if ours in current else 0
            inclusive = False
        elif line.startswith("cob="):
            number, _, name = line[4:].partition(" ")
            names.setdefault(number, name)
    return total, own


def environment():
    """Nothing of the caller's: what lies on the stack would move."""
    return {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}


def count(command, name, ours):
    """All instructions and our own of one operation, its share of the loop included."""
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        profile = pathlib.Path(folder) / "profile"
        for times in (SHORT, LONG):
            run = [
                "setarch",
                "-R",
                "valgrind",
                "--tool=callgrind",
                f"--callgrind-out-file={profile}",
            ]
            done = subprocess.run(
                [*run, *command, name, str(times)],
                env=environment(),
                capture_output=True,
                text=True,
            )
            if done.returncode:
                sys.exit(f"{name} failed under callgrind:\n{done.stderr[-2000:]}")
            counts.append(read(profile, ours))
    return [(long - short) / (LONG - SHORT) for short, long in zip(*counts, strict=True)]


def measure(program):
    """{operation: (all, ours)} for the Python six and the Rust four."""
    measured = {}
    for language, command, names, ours in (
        ("rust", [program], RUST, "/operations"),
        ("python", [sys.executable, "bench/python/operations.py"], PYTHON, "tieback/_core"),
    ):
        # Once for nothing: Python writes its compiled modules.
        subprocess.run([*command, "loop", "1"], env=environment(), check=True)
        empty = count(command, "loop", ours)
        for name in names:
            found = count(command, name, ours)
            measured[f"{language} {name}"] = tuple(
                round(a - b, 1) for a, b in zip(found, empty, strict=True)
            )
    return measured


def surroundings():
    """What `all` depends on beside our own code."""
    return f"{platform.machine()}, CPython {' '.join(sys.version.split())}, {' '.join(platform.libc_ver())}"


def write(path, measured):
    rows = [f"{name:20} {all_:10.1f} {ours:10.1f}" for name, (all_, ours) in measured.items()]
    path.write_text(
        f"# {surroundings()}\n# operation{'all':>21}{'ours':>11}\n" + "\n".join(rows) + "\n"
    )


def compare(path, measured):
    """Prints the table; the operations that cost more than they may."""
    lines = path.read_text().splitlines()
    same = lines[0].removeprefix("# ") == surroundings()
    if not same:
        print(
            f"The budget was made with {lines[0].removeprefix('# ')}:\nonly our own instructions are compared here."
        )
    budget = {}
    for line in lines[2:]:
        *name, all_, ours = line.split()
        budget[" ".join(name)] = (float(all_), float(ours))
    failures, fewer = [], []
    print(f"{'operation':20} {'all':>9} {'budget':>9} {'ours':>9} {'budget':>9}")
    for name, found in measured.items():
        allowed = budget.get(name)
        if allowed is None:
            failures.append(f"{name}: no budget")
            continue
        print(f"{name:20} {found[0]:9.1f} {allowed[0]:9.1f} {found[1]:9.1f} {allowed[1]:9.1f}")
        for kind, now, then in zip(("", " in our own code"), found, allowed, strict=True):
            if not kind and not same:
                continue
            most = max(then * ALLOWANCE, then + SLACK)
            if now > most:
                failures.append(
                    f"{name}: expected at most {most:.0f} instructions{kind}, came {now:.0f}"
                )
            elif now < min(then / ALLOWANCE, then - SLACK):
                fewer.append(name)
    failures += [
        f"{name}: has a budget, and is not measured" for name in budget.keys() - measured.keys()
    ]
    if fewer:
        print(
            f"Fewer than the budget: {', '.join(dict.fromkeys(fewer))}. Keep it so: make budget UPDATE=1"
        )
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="bench/rust's `operations`")
    parser.add_argument("budget", type=pathlib.Path)
    parser.add_argument(
        "--update", action="store_true", help="write what is measured as the new budget"
    )
    args = parser.parse_args()
    measured = measure(args.program)
    if args.update:
        write(args.budget, measured)
        print(args.budget.read_text())
        return
    if failures := compare(args.budget, measured):
        sys.exit(
            "\n".join(
                [*failures, "If that is wanted: make budget UPDATE=1, and commit ci/budget.txt"]
            )
        )


if __name__ == "__main__":
    main()
