"""One file brought back from a vault: it grows hidden beside its name, and gets the name when it is proven."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from holdfast.errors import HoldfastError, PermanentError, StoppedError
from holdfast.media.proofs import Comparison, Proof
from holdfast.media.restores import Outcome, Source, Wanted
from holdfast.media.vaults import MediaVault
from resources.folder_files import give_name, open_alone, partial_of
from resources.media.streaming import blocks

_BLOCK_BYTES: Final = 1 << 20
Received = Callable[[int], None]


class Partial:
    """A file that is not whole yet, beside the one that it becomes. It has one writer."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = partial_of(target, target.name)
        self._handle: int | None = None

    @property
    def size_bytes(self) -> int:
        """How much of it is there."""
        return os.fstat(self._open_handle).st_size

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have it for ourselves.

        Raises:
            BlockingIOError: another restore has it.
        """
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._handle = open_alone(self.path, makes=True)
        try:
            yield
        finally:
            if not self.size_bytes:
                self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def feed(self, comparison: Comparison) -> None:
        """Compare what is there already."""
        buffer, at = memoryview(bytearray(_BLOCK_BYTES)), 0
        while count := os.preadv(self._open_handle, [buffer], at):
            comparison.feed(buffer[:count])
            at += count

    def append(self, block: memoryview) -> None:
        """Write at its end."""
        at = self.size_bytes
        while block:
            count = os.pwrite(self._open_handle, block, at)
            at += count
            block = block[count:]

    def clear(self) -> None:
        """Begin anew."""
        os.ftruncate(self._open_handle, 0)

    def become(self) -> bool:
        """Get the name, durably; False: another file got it meanwhile, and keeps it."""
        os.fsync(self._open_handle)
        return give_name(self.path, self._target)

    @property
    def _open_handle(self) -> int:
        if self._handle is None:
            raise PermanentError(f"{self.path} is not open")
        return self._handle


def restore_file(
    wanted: Wanted, folder: Path, vaults: Mapping[str, MediaVault], *, stop: threading.Event, received: Received
) -> Outcome:
    """Bring one file back, from the first of its vaults that gives it whole.

    A file of that name that is there is compared and left; half a file is compared and gone on with.

    Args:
        wanted: which.
        folder: below which it gets its name.
        vaults: by label.
        stop: what was received stays, for another attempt.
        received: hears of bytes as they come.

    Raises:
        StoppedError: ``stop`` was set.
    """
    target = folder / wanted.name
    if not wanted.sources:
        return Outcome(wanted=wanted, end="failed", problem=wanted.problem)
    try:
        if target.exists():
            return _compare(wanted, target)
        partial = Partial(target)
        with partial.opened():
            return _fetch(wanted, target, partial, _Pull(partial, vaults, stop, received))
    except BlockingIOError:
        return Outcome(wanted=wanted, end="failed", problem="another restore is writing it")
    except OSError as error:
        problem = f"{target} cannot be written: {error.strerror}; what was received stays for another attempt"
        return Outcome(wanted=wanted, end="failed", problem=problem)


class _Pull:
    """Bytes from a vault into the partial file."""

    def __init__(
        self, partial: Partial, vaults: Mapping[str, MediaVault], stop: threading.Event, received: Received
    ) -> None:
        self._partial, self._vaults, self._stop, self._received = partial, vaults, stop, received

    def pull(self, source: Source) -> str:
        """Get the rest of it; where that does not make it whole, all of it. What is wrong; empty where nothing is."""
        if self._partial.size_bytes:
            if not self._once(source):
                return ""
            self._partial.clear()
        if difference := self._once(source):
            self._partial.clear()
        return difference

    def _once(self, source: Source) -> str:
        comparison = source.proof.begin()
        self._partial.feed(comparison)
        if comparison.size_bytes < source.proof.size_bytes:
            vault = self._vaults[source.vault]
            with closing(blocks(vault, source.remote_id, offset=comparison.size_bytes, stop=self._stop)) as found:
                for block in found:
                    self._partial.append(block)
                    comparison.feed(block)
                    self._received(len(block))
                    if comparison.is_too_long:
                        break
        return comparison.difference()


def _fetch(wanted: Wanted, target: Path, partial: Partial, pull: _Pull) -> Outcome:
    problems = []
    for source in wanted.sources:
        try:
            difference = pull.pull(source)
        except StoppedError:
            raise
        except HoldfastError as error:
            problems.append(f"{source.vault}: {error}")
            continue
        if difference:
            problems.append(f"{source.vault}: its copy is damaged: {difference}")
            continue
        if not partial.become():
            partial.clear()
            return _compare(wanted, target)
        return Outcome(
            wanted=wanted,
            end="restored",
            vault=source.vault,
            is_proven=source.proof.is_checksum,
            problem="; ".join(problems),
        )
    return Outcome(wanted=wanted, end="failed", problem="; ".join(problems))


def _compare(wanted: Wanted, target: Path) -> Outcome:
    """Whether the file that has the name is the one; it is left in any case."""
    if not target.is_file():
        return Outcome(wanted=wanted, end="failed", problem=f"{target} is there and is no file; it was left as it is")
    for source in wanted.sources:
        if _is(target, source.proof):
            return Outcome(wanted=wanted, end="already", is_proven=source.proof.is_checksum)
    problem = f"another file is there as {target}; it was left as it is. Move it away, or restore to another folder"
    return Outcome(wanted=wanted, end="failed", problem=problem)


def _is(path: Path, proof: Proof) -> bool:
    if path.stat().st_size != proof.size_bytes:
        return False
    comparison, buffer = proof.begin(), memoryview(bytearray(_BLOCK_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            comparison.feed(buffer[:count])
    return comparison.is_whole()
