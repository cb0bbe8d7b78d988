"""Make places.csv and hospitals.csv of the synthetic country from Statistics Canada open data.

Usage: python tools/synthetic_places.py <folder with hospitals_ca.csv and primary_care_facilities_ca.csv>
"""

from __future__ import annotations

import csv
import io
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "src/passerelle/synthetic/data"
CREDIT = (
    "# Place names, hospital names, addresses and postal prefixes: Statistics Canada open data\n"
    "# (Open Government Licence - Canada) through synthetichealth/synthea-international (Apache-2.0).\n"
    "# Made by tools/synthetic_places.py. What happens in these places is invented.\n"
)
# The source mixes character sets and letter cases; only street words need repair.
STREET = {"st": "St", "rd": "Rd", "ave": "Ave", "av": "Ave", "dr": "Dr", "nw": "NW", "sw": "SW"}
STREET |= {"ste": "Sainte", "ch": "chemin", "catherin": "Catherine"}
LETTERS = {"on": "KLMNP", "qc": "GHJ", "bc": "V", "ab": "T", "mb": "R", "sk": "S", "ns": "B", "nb": "E"}
LETTERS |= {"nl": "A", "pe": "C", "yt": "Y", "nt": "X", "nu": "X"}
FRENCH = {
    "rue",
    "boulevard",
    "boul",
    "chemin",
    "avenue",
    "de",
    "du",
    "la",
    "le",
    "des",
    "nord",
    "ouest",
    "est",
}


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8", "replace"))))


def street(text: str) -> str:
    if re.match(r"1 main street$", text, re.IGNORECASE):
        return ""
    words = text.lower().split()
    french = any(word in {"rue", "boulevard", "boul", "chemin", "ch"} for word in words)
    words = [word for word in words if not (french and word == "rd")]
    return " ".join(word if french and word in FRENCH else STREET.get(word, _capital(word)) for word in words)


def _capital(word: str) -> str:
    if word.startswith("l'"):
        return f"l’{_capital(word[2:])}"
    return "-".join(STREET.get(part, part[:1].upper() + part[1:]) for part in word.split("-"))


def prefixes(rows: list[dict[str, str]], letters: str) -> str:
    """The commonest prefixes of a city that are of its province; rural ones only where there is no other."""
    counted = Counter(row["zip"][:3] for row in rows if re.match(rf"[{letters}]\d[A-Z] ", row["zip"]))
    urban = Counter({code: times for code, times in counted.items() if code[1] != "0"})
    return " ".join(sorted(code for code, _ in (urban or counted).most_common(6)))


def write(name: str, header: str, lines: list[list[str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([header.split(","), *lines])
    (TARGET / name).write_text(CREDIT + out.getvalue(), "utf-8")


def main(folder: Path) -> None:
    hospitals = read(folder / "hospitals_ca.csv")
    everything = hospitals + read(folder / "primary_care_facilities_ca.csv")
    wanted = tomllib.loads((HERE / "synthetic_places.toml").read_text("utf-8"))
    places, found = [], []
    for node, cities in wanted.items():
        for city, facts in cities.items():
            there = [row for row in everything if row["state"] == node.upper() and row["city"] == city]
            fsa = facts.get("fsa") or prefixes(there, LETTERS[node])
            places.append([node, city.replace("'", "’"), str(facts["weight"]), fsa])
            for source, name in facts["hospitals"].items():
                row = next(each for each in there if each["name"] == source)
                postal = row["zip"] if "fsa" not in facts or row["zip"][:3] == fsa else f"{fsa} 0H0"
                found.append([node, city.replace("'", "’"), name, street(row["address"]), postal])
    write("places.csv", "node,city,weight,prefixes", places)
    write("hospitals.csv", "node,city,name,street,postal", found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
