"""A sink: takes a file's blocks and sends them on into one vault, in a thread of its own."""

import contextlib
import queue
import threading
from collections.abc import Callable

from holdfast.errors import AlreadyStoredError, HoldfastError, TransientError, UploadLostError
from holdfast.media.vaults import MediaVault, NewFile, Stored, Upload
from holdfast.media.work import Claim
from resources.media.blocks import Block
from resources.media.mistakes import told
from resources.media.waiting import Patience


class Sink:
    """One copy on its way.

    Attributes:
        stored: the proven copy, once all is done.
        error: what stopped it instead.
        sent_bytes: into the vault, in this attempt.
        is_there: whether a whole file was under its id already: then nothing is sent, and the caller compares.
    """

    def __init__(
        self,
        vault: MediaVault,
        file: NewFile,
        claim: Claim,
        *,
        keep: Callable[[bytes], None],
        sent: Callable[[int], None],
        patience: Patience,
    ) -> None:
        """Sends nothing yet; ``keep`` puts into the books where an upload is, ``sent`` hears of every byte."""
        self.vault, self.file, self.claim = vault, file, claim
        self._keep, self._sent, self._patience = keep, sent, patience
        self.stored: Stored | None = None
        self.error: HoldfastError | None = None
        self.sent_bytes = 0
        self.is_there = False
        self._abandons = False
        self._state: bytes | None = None
        self._blocks: queue.SimpleQueue[Block | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"media-{vault.label}", daemon=True)

    def start(self, state: bytes | None) -> None:
        """Begin, or go on where ``state`` left off."""
        self._state = state
        self._thread.start()

    def give(self, block: Block) -> None:
        """Send a block; it is released when that is done."""
        self._blocks.put(block)

    def close(self, *, abandons: bool = False) -> None:
        """Wait until everything that was given is done with; forget what was sent of an unfinished file if told so."""
        self._abandons = abandons
        self._blocks.put(None)
        self._thread.join()

    def _run(self) -> None:
        upload: Upload | None = None
        try:
            upload = self._begin()
            while (block := self._blocks.get()) is not None:
                try:
                    self._take(upload, block)
                finally:
                    block.release()
        except HoldfastError as error:
            self.error = error
        except BaseException as error:  # noqa: BLE001  a mistake of ours must not hang the worker that waits
            self.error = TransientError(f"{self.vault.label}: {told(error)}")
        finally:
            if self.error:
                self._drain()
            if upload:
                self._leave(upload)

    def _begin(self) -> Upload | None:
        try:
            upload = self._patience.call(lambda: self.vault.upload(self.file, self._state))
        except UploadLostError:
            upload = self._patience.call(lambda: self.vault.upload(self.file, None))
        except AlreadyStoredError:
            self.is_there = True
            return None
        self._keep(upload.state)
        return upload

    def _take(self, upload: Upload | None, block: Block) -> None:
        if upload is None:
            return
        if upload.offset < block.start:
            raise UploadLostError(f"{self.vault.label}: it lost a part of item {self.claim.item_id}")
        while upload.offset < block.end:
            self._send(upload, block)
        if block.total_bytes is not None:
            self.stored = self._patience.call(lambda: upload.finish(block.sha256))

    def _send(self, upload: Upload, block: Block) -> None:
        """Send one part, until some of it is taken; what a try left behind decides where the next one begins."""
        before = upload.offset
        delays_s = self._patience.delays_s()
        while upload.offset == before:
            begin = before - block.start
            part = block.data[begin : begin + self.vault.part_bytes]
            try:
                self._count(upload.send(part, total_bytes=self.file.size_bytes or block.total_bytes))
            except TransientError as error:
                self._patience.wait(error, delays_s)
            else:
                if upload.offset == before:
                    self._patience.wait(
                        TransientError(f"{self.vault.label}: it takes nothing of {self.file.name}"), delays_s
                    )

    def _count(self, taken: int) -> None:
        self.sent_bytes += taken
        self._sent(taken)

    def _leave(self, upload: Upload) -> None:
        with contextlib.suppress(HoldfastError):
            if self._abandons and self.stored is None:
                upload.abandon()
        upload.close()

    def _drain(self) -> None:
        while (block := self._blocks.get()) is not None:
            block.release()
