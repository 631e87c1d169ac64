"""python -m bin.lib.fake_stripe --port N --webhook URL --secret whsec_…"""

import argparse
import signal
import threading

from bin.lib.fake_stripe.running import KEY, SECRET, running_fake_stripe


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bin.lib.fake_stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--key", default=KEY, help="the only API key that is let in")
    parser.add_argument("--webhook", default="", help="where all events go")
    parser.add_argument("--secret", default=SECRET, help="the secret that signs them")
    parser.add_argument("--seed", default="1", help="ids are the same for the same seed")
    given = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with running_fake_stripe(
        port=given.port,
        key=given.key,
        webhook=given.webhook,
        secret=given.secret,
        seed=given.seed,
    ) as fake:
        print(f"Fake Stripe on {fake.url}, key {fake.key}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
