"""A client that posts prepared webhooks, each with its own signature, one after the other.

Knows nothing of the product but its address, and runs in a process of its own.
"""

import http.client
import time
from collections import Counter
from collections.abc import Sequence

TIMEOUT_S = 20
ATTEMPTS = 20
BUSY = 503

# A body, and the header that is sent with it.
Parcel = tuple[bytes, str]


def post_all(port: int, path: str, parcels: Sequence[Parcel]) -> Counter[int]:
    """Post each until it is answered by something else than 503; the answers' statuses."""
    answers: Counter[int] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    for body, signed in parcels:
        for _ in range(ATTEMPTS):
            headers = {"Stripe-Signature": signed, "Content-Type": "application/json"}
            try:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                continue
            if answer.status != BUSY:
                answers[answer.status] += 1
                break
            time.sleep(0.1)
        else:
            raise AssertionError("no answer")
    connection.close()
    return answers
