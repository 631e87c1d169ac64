"""Beancount and hledger themselves, which prove what is exported for them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BEAN_CHECK = Path(sys.executable).with_name("bean-check")
HLEDGER = shutil.which("hledger")


def refusal(form: str, text: str, folder: Path) -> str:
    """What the program has against the file, or ''."""
    file = folder / f"books.{form}"
    file.write_text(text, encoding="utf-8", newline="")
    if form == "beancount":
        command = [str(BEAN_CHECK), "--no-cache", str(file)]
    else:
        if HLEDGER is None:
            pytest.skip("HLEDGER IS NOT INSTALLED: the export for it is not proved here")
        command = [HLEDGER, "-f", str(file), "check", "--strict", "ordereddates"]
    utf8 = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=utf8
    )
    said = done.stdout + done.stderr
    return "" if done.returncode == 0 else said or "no word, but an exit status"
