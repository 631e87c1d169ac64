"""The broker over files of the embedded profile: kombu's, with messages that appear whole.

Kombu's own opens the file under its final name and then writes it. A worker that looks in between
takes an empty message, which ends it: "Unrecoverable error: JSONDecodeError".
"""

from pathlib import Path
from time import monotonic_ns
from typing import Any
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Writes a message beside its place, under a name that nobody looks for, and moves it there."""

    def _put(  # type: ignore[override]  # its two bases differ
        self, queue: str, payload: dict[str, Any], **kwargs: Any
    ) -> None:
        name = f"{monotonic_ns() // 1_000_000}_{uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        unseen = folder / f".{name}.part"
        try:
            unseen.write_text(dumps(payload))
            unseen.rename(folder / name)
        except OSError as error:
            raise ChannelError(f"Cannot add a message to {folder}") from error


class Transport(filesystem.Transport):
    Channel = Channel
