"""The books in the formats of other programs. Pure; docs/finance.md shows what comes out."""
