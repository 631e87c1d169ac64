"""Visits every page that the demo claims, with the logins and the key that it prints."""

import http.client
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import CookieJar
from itertools import chain
from typing import Any

OK = 200
READY = "/health/ready"
METRICS = "/metrics"
READY_LIMIT_S = 60
LOGIN = "/admin/login/?next=/admin/"
CSRF_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
ASSET = re.compile(r'<(?:link|script)\b[^>]*?\s(?:href|src)="([^"#]+)"')


class Browser:
    """One session: cookies, redirects, no proxy."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(CookieJar())
        )

    def fetch(
        self, url: str, *, form: Mapping[str, str] | None = None, key: str = ""
    ) -> tuple[int, str, str]:
        """Get, or post the form; return the status, the address after redirects and the text."""
        data = urllib.parse.urlencode(form).encode() if form else None
        headers = {"Referer": url} | ({"Authorization": f"Bearer {key}"} if key else {})
        request = urllib.request.Request(url, data=data, headers=headers)
        try:
            response: http.client.HTTPResponse = self._opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            return error.code, url, error.read().decode(errors="replace")
        with response:
            return response.status, response.url, response.read().decode(errors="replace")


Claims = Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]]


def check_claims(demo: Mapping[str, Any], *more: Claims) -> int:
    """Print a line for each claim, then for those of `more`; return 0 if all hold, else 1."""
    results = []
    for title, problem in chain(claims(demo), *(each(demo) for each in more)):
        print(f"FAILED {title}: {problem}" if problem else f"ok     {title}", flush=True)
        results.append(not problem)
    print(f"{results.count(True)} of {len(results)} claims hold")
    return 0 if all(results) else 1


def claims(demo: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each claim with what is wrong about it, or ''; the first login's session visits the pages."""
    base: str = demo["base_url"]
    open_pages = [page["url"] for page in demo["pages"] if is_open(page["url"])]
    yield "nothing of it is open to strangers", ", ".join(open_pages)
    browser = Browser()
    for login in reversed(demo["logins"]):
        browser = Browser()
        yield f"login of {login['username']}", log_in(browser, base, login)
    yield "styles and scripts come from here", missing_assets(browser, base)
    for page in demo["pages"]:
        key = demo["api_key"] if "/api/v1/" in page["url"] else ""
        status, address, text = browser.fetch(page["url"], key=key)
        yield f"{page['title']}: {page['url']}", fault(page, status, address, text)
    yield f"every part works: {base}{READY}", unreadiness(base)
    status, _, text = Browser().fetch(base + METRICS)
    told = status == OK and "neruba_heartbeat_age_seconds" in text
    yield f"metrics: {base}{METRICS}", "" if told else f"status {status}"


def unreadiness(base: str) -> str:
    """What still does not work when the schedule and the worker had time to be heard of."""
    deadline = time.monotonic() + READY_LIMIT_S
    status, _, text = Browser().fetch(base + READY)
    while status != OK and time.monotonic() < deadline:
        time.sleep(1)
        status, _, text = Browser().fetch(base + READY)
    return "" if status == OK else text


def is_open(url: str) -> bool:
    status, address, _ = Browser().fetch(url)
    return (status, address) == (OK, url)


def log_in(browser: Browser, base: str, login: Mapping[str, str]) -> str:
    _, _, page = browser.fetch(base + LOGIN)
    token = CSRF_TOKEN.search(page)
    if token is None:
        return "no login form"
    form = {
        "csrfmiddlewaretoken": token[1],
        "username": login["username"],
        "password": login["password"],
        "next": "/admin/",
    }
    status, address, _ = browser.fetch(base + LOGIN, form=form)
    return "" if (status, address) == (OK, f"{base}/admin/") else f"{status}, at {address}"


def missing_assets(browser: Browser, base: str) -> str:
    """What the first page links to and this server does not answer, or that is elsewhere."""
    _, _, page = browser.fetch(f"{base}/admin/")
    addresses = {urllib.parse.urljoin(base, address) for address in ASSET.findall(page)}
    if not addresses:
        return "the page has none"
    wrong = [
        address
        for address in sorted(addresses)
        if not address.startswith(f"{base}/") or browser.fetch(address)[0] != OK
    ]
    return ", ".join(wrong)


def fault(page: Mapping[str, Any], status: int, address: str, text: str) -> str:
    """What differs from the claim: status, address (a login page instead?), words on the page."""
    if status != OK:
        return f"status {status}"
    if address != page["url"]:
        return f"leads to {address}"
    missing = [words for words in page.get("contains", []) if words not in text]
    return f"does not show {', '.join(missing)}" if missing else ""
