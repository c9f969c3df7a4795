"""The judge of a file: hashes it and looks whether it is whole, beside the transfer."""

import hashlib
import queue
import threading

from holdfast.media.items import MediaItem
from holdfast.media.kinds import FileCheck
from resources.media.blocks import Block
from resources.media.reading import Reading


class Judge:
    """Hashes blocks in a thread of its own, and checks them."""

    def __init__(self, item: MediaItem, reading: Reading, *, with_md5: bool = False) -> None:
        """Nothing is judged yet; ``with_md5`` where a vault knows a file by nothing else."""
        self._check = FileCheck(item.kind, declared_bytes=reading.length, declared_type=reading.content_type)
        self._sha256 = hashlib.sha256()
        # A checksum of older tools, not a defence.
        self._md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
        self._blocks: queue.SimpleQueue[Block | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._verdict: tuple[bytes, str] | None = None

    def first(self, data: memoryview) -> None:
        """Look at the beginning at once: an error page must not reach a vault.

        Raises:
            ImplausibleFileError: it is none of what it should be.
        """
        self._check.feed(data)
        self._hash(data)

    @property
    def md5(self) -> bytes | None:
        """The other digest, where it was asked for."""
        return self._md5.digest() if self._md5 else None

    @property
    def content_type(self) -> str:
        """What the beginning says that it is."""
        return self._check.content_type or "application/octet-stream"

    def give(self, block: Block) -> None:
        """Judge a block; it is released when that is done."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="media-judge", daemon=True)
            self._thread.start()
        self._blocks.put(block)

    def check(self) -> None:
        """Nothing, as long as there is nothing wrong with what was judged so far.

        Raises:
            ImplausibleFileError: there is; the rest need not be read.
        """
        if self._error:
            raise self._error

    def verdict(self) -> tuple[bytes, str]:
        """Digest and content type of the whole file.

        Raises:
            ImplausibleFileError: it is not a whole file of its kind.
        """
        self.close()
        if self._error:
            raise self._error
        if self._verdict is None:
            self._verdict = self._sha256.digest(), self._check.finish()
        return self._verdict

    def close(self) -> None:
        """Wait for what was given."""
        if self._thread:
            self._blocks.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (block := self._blocks.get()) is not None:
            try:
                if self._error is None:
                    self._check.feed(block.data)
                    self._hash(block.data)
            except BaseException as error:  # noqa: BLE001  told by verdict()
                self._error = error
            finally:
                block.release()

    def _hash(self, data: memoryview) -> None:
        self._sha256.update(data)
        if self._md5:
            self._md5.update(data)
