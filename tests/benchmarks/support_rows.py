"""A row of HotpotQA as its files have it, made up."""

ROW = {
    "question": "Who?",
    "answer": "Jana",
    "type": "bridge",
    "supporting_facts": [["Mill", 0], ["Mill", 9], ["Jana", None]],
    "context": [["Mill", ["Jana built it.", "It burned."]]],
}
