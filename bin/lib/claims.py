"""Visits every page that the demo claims, as its reader would: logs in, then follows the addresses."""

import http.cookiejar
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

ASSET = re.compile(r'<(?:link|script)\b[^>]*?\b(?:href|src)="([^"#]+)"')


class Visitor:
    """One browser session with the operator's login, and the API key beside it."""

    def __init__(self, demo: dict[str, Any]) -> None:
        self._demo = demo
        self._base = demo["base_url"]
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self._cookies)
        )
        self._failed = 0
        self._checked = 0

    def visit(self) -> int:
        """Print one line for each claim; return 0 if all hold, else 1."""
        self._claim("a page without login is refused", self._refuses_strangers)
        for login in self._demo["logins"]:
            self._claim(f"login of {login['username']}", lambda login=login: self._log_in(login))
        self._claim("the console's own styles and scripts", self._assets)
        for page in self._demo["pages"]:
            self._claim(f"{page['title']} {page['url']}", lambda page=page: self._page(page))
        print(f"{self._checked - self._failed} of {self._checked} claims hold")
        return 1 if self._failed else 0
