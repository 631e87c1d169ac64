"""Messages over files appear whole: two that send and one that takes meet no half of one."""

import threading
from pathlib import Path

from kombu import Connection

from neruba.file_broker import Transport

MESSAGES = 300
SENDERS = 2


def test_no_message_is_taken_before_it_is_written(tmp_path: Path) -> None:
    options = {
        "data_folder_in": str(tmp_path),
        "data_folder_out": str(tmp_path),
        "control_folder": str(tmp_path / "control"),
    }

    def queue() -> object:
        connection = Connection("filesystem://", transport=Transport, transport_options=options)
        return connection.SimpleQueue("work")

    def send(number: int) -> None:
        channel = queue()
        for n in range(MESSAGES):
            channel.put({"from": number, "n": n, "text": "x" * 5000})  # type: ignore[attr-defined]

    taking = queue()
    senders = [threading.Thread(target=send, args=[number]) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    found: set[tuple[int, int]] = set()
    while len(found) < MESSAGES * SENDERS:
        message = taking.get(timeout=30)  # type: ignore[attr-defined]
        found.add((message.payload["from"], message.payload["n"]))
        message.ack()
    for sender in senders:
        sender.join()
    assert not [path for path in tmp_path.iterdir() if path.is_file()]
