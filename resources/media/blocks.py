"""The few buffers that a file passes through: constant memory, whatever its size."""

import queue
import threading


class Block:
    """A stretch of a file that several readers look at before its buffer is used again.

    Attributes:
        start: its place in the file.
        data: its bytes.
        total_bytes: of the file, in its last block; None before.
        sha256: of the whole file, in its last block.
    """

    def __init__(self, buffers: "Buffers", buffer: bytearray, start: int, size: int, readers: int) -> None:
        self._buffers, self._buffer = buffers, buffer
        self._readers = readers
        self._lock = threading.Lock()
        self.start = start
        self.data = memoryview(buffer)[:size]
        self.total_bytes: int | None = None
        self.sha256 = b""

    @property
    def end(self) -> int:
        """The place in the file right behind it."""
        return self.start + len(self.data)

    def release(self) -> None:
        """One reader is done with it."""
        with self._lock:
            self._readers -= 1
            is_last = self._readers == 0
        if is_last:
            self._buffers.give_back(self._buffer)


class Buffers:
    """Buffers of one worker; its next file uses them again."""

    def __init__(self, size: int, count: int) -> None:
        self.size = size
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._unmade = count

    def take(self) -> bytearray:
        """An unused buffer; waits for one."""
        try:
            return self._free.get_nowait()
        except queue.Empty:
            if self._unmade:
                self._unmade -= 1
                return bytearray(self.size)
        return self._free.get()

    def give_back(self, buffer: bytearray) -> None:
        """It may be used again."""
        self._free.put(buffer)
