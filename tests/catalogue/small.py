"""Seven of the shipped rows, as a data folder that is published in a blink."""

import json

ROWS = ("F274", "F155", "F064", "F215", "F217", "F218", "F303")


def write_rows(folder, rows):
    text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)
    (folder / "requirements.jsonl").write_text(text, encoding="utf-8")


def read_rows(folder):
    return [json.loads(x) for x in (folder / "requirements.jsonl").read_text("utf-8").splitlines()]
