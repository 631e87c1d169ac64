"""Lines of today's prices keep every byte of their evidence, and with it the hash of the invoice.

The digests were written when an invoice had no other models than these three.
"""

from typing import Any

from billing.rating.invoice import amount_of_evidence, compute_invoice
from neruba.canonical import sha256_hex
from tests.billing.rating.world import invoice_facts

PRICES: list[dict[str, Any]] = [
    {"code": "fee", "kind": "recurring", "model": "flat", "amount": "29.90"},
    {
        "code": "late-fee",
        "kind": "recurring",
        "model": "flat",
        "amount": "10",
        "billing": "in_arrears",
    },
    {
        "code": "each",
        "kind": "usage",
        "meter": "calls",
        "model": "per_unit",
        "unit_amount": "0.0000025",
        "free_units": "100",
    },
    {
        "code": "tiers",
        "kind": "usage",
        "meter": "calls",
        "model": "graduated",
        "tiers": [
            {"up_to": "10", "unit_amount": "2", "flat_amount": "100"},
            {"up_to": "20.5", "unit_amount": "1"},
            {"up_to": None, "unit_amount": "0.5", "flat_amount": "3"},
        ],
    },
    {
        "code": "late-tiers",
        "kind": "usage",
        "meter": "calls",
        "model": "graduated",
        "tiers": [
            {"up_to": "7", "unit_amount": "0.333333333333", "flat_amount": "1"},
            {"up_to": None, "unit_amount": "0.000000000001"},
        ],
        "first_flat_at_zero": False,
    },
    {"code": "whole", "kind": "usage", "meter": "calls", "model": "flat", "amount": "1.005"},
]
HELD = [
    (
        {"each": "40421844.123456789", "tiers": "30.5", "late-tiers": "9.000000001", "whole": "0"},
        {"each": ("5000", 1), "tiers": ("21", 0)},
        "b11a059831ffe05426d927f52eaf6e72ed49d3fff55e8256833fc8b657db9b7a",
        [
            "b9e13db589133881",
            "5994c7f04744f3a7",
            "bdf58279b238d132",
            "4adea2b908eaf9c1",
            "4e25d8604264a6e2",
            "abafdd157089e5c8",
            "529a474ced260170",
        ],
    ),
    (
        {"each": "-12.5", "tiers": "-1234.5", "late-tiers": "-1", "whole": "-3"},
        {"late-tiers": ("-3", 1)},
        "b1ab0eb09eda29527ddf1494785cbeca32deb92e26e31d4659be530465b15836",
        [
            "b9e13db589133881",
            "f538723a01b97b99",
            "55fa60d53102d08e",
            "3712d4c9bc69b4c7",
            "1721b57a1b654c6c",
            "abafdd157089e5c8",
            "f7972e8f6d33f539",
        ],
    ),
    (
        {"each": "60", "tiers": "0", "late-tiers": "0", "whole": "8"},
        {},
        "7de017cb38c988173ebdecb6cf37062267b33a2f5cf78b97cc67059bc393a86c",
        [
            "b9e13db589133881",
            "6b6176d7e9782650",
            "a5066cc450f12d7e",
            "d18820a1a0afd316",
            "b45fffb53ee0b86a",
            "abafdd157089e5c8",
        ],
    ),
]


def test_lines_of_the_first_models_are_what_they_were() -> None:
    for used, corrected, content_hash, evidence in HELD:
        invoice = compute_invoice(invoice_facts(PRICES, used, corrected))
        for line in invoice.lines:
            assert amount_of_evidence(line.evidence, "USD") == line.amount_minor
        assert [sha256_hex(line.evidence)[:16] for line in invoice.lines] == evidence
        assert invoice.content_hash == content_hash
