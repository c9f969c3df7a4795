"""A round: an item is read once, and what it gives goes to every copy that is due."""

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from holdfast.errors import (
    ChangedError,
    ConflictError,
    DamagedCopyError,
    HoldfastError,
    ImplausibleFileError,
    OriginGoneError,
    TransientError,
    UploadLostError,
)
from holdfast.media.vaults import MediaVault, NewFile, Stored
from holdfast.media.verdicts import result_of
from holdfast.media.work import Claim, Result, Work
from resources.media.blocks import Buffers
from resources.media.judging import Judge
from resources.media.placing import Attempt, Digests, Placing, is_proven, same
from resources.media.pump import Filled, Pump
from resources.media.reading import Reading, read_copy, read_link
from resources.media.sinks import Sink
from resources.media.waiting import Patience
from resources.web.origin import Origin

_ANEW: Final = (DamagedCopyError, UploadLostError, ConflictError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every transfer of a worker uses.

    Attributes:
        sent: hears of every byte that a vault took.
        told: hears how a vault answered: its error, or None when a copy was made in it.
    """

    origin: Origin
    vaults: Mapping[str, MediaVault]
    placing: Placing
    stop: threading.Event
    patience: Patience
    buffers: Buffers
    sent: Callable[[Claim, int], None]
    told: Callable[[str, HoldfastError | None], None]


class Round:
    """One reading of one item.

    Attributes:
        results: of copies that are done with, well or badly.
        anew: those to be tried again at once, with the error that says why.
    """

    def __init__(self, tools: Tools, work: Work, attempts: Sequence[Attempt], *, adopts: bool) -> None:
        self._tools, self._work, self._adopts = tools, work, adopts
        self._open = {attempt.claim.vault: attempt for attempt in attempts}
        self._etag = ""
        self.results: list[Result] = []
        self.anew: list[tuple[Attempt, HoldfastError | None]] = []

    def run(self) -> None:
        """Read the item and make the copies; every attempt ends up in ``results`` or in ``anew``."""
        with ExitStack() as stack:
            try:
                self._go(self._read(stack))
            except HoldfastError as error:
                for attempt in list(self._open.values()):
                    self._close(attempt, error)

    def _read(self, stack: ExitStack) -> Reading:
        """The item from its link, or from a verified copy where the link is dead."""
        tools, work = self._tools, self._work
        try:
            return stack.enter_context(read_link(tools.origin, work.item, tools.stop))
        except OriginGoneError:
            for copy in work.elsewhere:
                if vault := tools.vaults.get(copy.vault):
                    return stack.enter_context(read_copy(vault, copy, work.item, tools.stop))
            raise

    def _go(self, reading: Reading) -> None:
        placing, buffers = self._tools.placing, self._tools.buffers
        self._etag = reading.etag
        looks = self._adopts and any(placing.has_lookalikes(vault) for vault in self._open)
        judge = Judge(self._work.item, reading, with_md5=looks)
        buffer = buffers.take()
        try:
            count = reading.fill(memoryview(buffer))
            judge.first(memoryview(buffer)[:count])
            is_all = count == reading.length or (reading.length is None and count < len(buffer))
            if is_all:
                self._put_whole(judge, memoryview(buffer)[:count], looks=looks)
            only_hashes = looks and not is_all and bool(reading.length and self._lookalikes(reading.length))
        except HoldfastError:
            buffers.give_back(buffer)
            raise
        if not self._open:
            buffers.give_back(buffer)
        elif only_hashes:
            self._adopt(Pump(reading, judge, buffers).run((buffer, count), []), judge.content_type)
            self.anew += [(attempt, None) for attempt in self._open.values()]
        else:
            self._stream(reading, judge, (buffer, count))

    def _put_whole(self, judge: Judge, content: memoryview, *, looks: bool) -> None:
        """A file that is here in full: adopted, or put in one call where the vault takes it in one."""
        sha256, content_type = judge.verdict()
        digests = Digests(size_bytes=len(content), sha256=sha256, md5=judge.md5)
        if looks:
            self._adopt(digests, content_type)
        for label, attempt in list(self._open.items()):
            vault = self._tools.vaults[label]
            if len(content) > vault.most_at_once_bytes:
                continue
            try:
                file = self._tools.placing.place(vault, attempt, self._work.item, content_type, len(content))
                stored, sent_bytes = self._put(vault, file, attempt, content, digests)
            except HoldfastError as error:
                self._close(attempt, error, is_of_vault=True)
            else:
                self._tools.sent(attempt.claim, sent_bytes)
                self._verified(attempt, stored, digests, content_type, sent_bytes)

    def _put(
        self, vault: MediaVault, file: NewFile, attempt: Attempt, content: memoryview, digests: Digests
    ) -> tuple[Stored, int]:
        """The file in the vault, and how many bytes were sent: none where a run that was killed had sent them."""
        patience = self._tools.patience
        if vault.draws_ids and attempt.remote_id and not attempt.claim.is_new:
            found = patience.call(lambda: vault.find(file.remote_id))
            if found and is_proven(vault, found, digests):
                return found, 0
        return patience.call(lambda: vault.put(file, [content], digests.sha256)), len(content)

    def _stream(self, reading: Reading, judge: Judge, first: Filled) -> None:
        """A file that goes block by block into every vault at once."""
        sinks = self._sinks(reading, judge.content_type)
        if not sinks:
            self._tools.buffers.give_back(first[0])
            return
        error: HoldfastError | None = None
        digests: Digests | None = None
        try:
            digests = Pump(reading, judge, self._tools.buffers).run(first, list(sinks.values()))
        except HoldfastError as found:
            error = found
        finally:
            judge.close()
            # What is half-sent of another file than the link gives now is of no use to anybody.
            abandons = isinstance(error, ImplausibleFileError | ChangedError)
            for sink in sinks.values():
                sink.close(abandons=abandons)
        for label, sink in sinks.items():
            self._settle(self._open[label], sink, digests, judge.content_type, error)

    def _sinks(self, reading: Reading, content_type: str) -> dict[str, Sink]:
        sinks = {}
        for label, attempt in list(self._open.items()):
            try:
                sinks[label] = self._sink(attempt, content_type, reading)
            except HoldfastError as error:
                self._close(attempt, error, is_of_vault=True)
        return sinks

    def _sink(self, attempt: Attempt, content_type: str, reading: Reading) -> Sink:
        tools, item, claim = self._tools, self._work.item, attempt.claim
        vault = tools.vaults[claim.vault]
        file = tools.placing.place(vault, attempt, item, content_type, reading.length)
        sink = Sink(
            vault,
            file,
            claim,
            keep=lambda state: tools.placing.keep(claim, file, state, reading.etag),
            sent=lambda count: tools.sent(claim, count),
            patience=tools.patience,
        )
        # Another file than the one that was half-sent is sent from its beginning.
        sink.start(attempt.state if item.etag == reading.etag else None)
        return sink

    def _settle(
        self, attempt: Attempt, sink: Sink, digests: Digests | None, content_type: str, error: HoldfastError | None
    ) -> None:
        if sink.error or digests is None:
            cause = sink.error or error or TransientError("the transfer ended without a reason")
            self._close(attempt, cause, sent_bytes=sink.sent_bytes, is_of_vault=sink.error is not None)
        elif sink.is_there:
            self._compare(attempt, sink, digests, content_type)
        elif sink.stored:
            self._verified(attempt, sink.stored, digests, content_type, sink.sent_bytes)

    def _compare(self, attempt: Attempt, sink: Sink, digests: Digests, content_type: str) -> None:
        """A file was there under its id: an earlier run was killed before it could say so, or it is another one."""
        try:
            stored = self._tools.patience.call(lambda: sink.vault.find(sink.file.remote_id))
            if stored is None:
                raise UploadLostError(f"{sink.vault.label}: {sink.file.name} was there a moment ago and is not now")
            if not is_proven(sink.vault, stored, digests):
                raise ConflictError(f"{sink.vault.label}: {sink.file.name} is another file than the link gives")
        except HoldfastError as error:
            self._close(attempt, error, is_of_vault=True)
        else:
            self._verified(attempt, stored, digests, content_type, 0)

    def _lookalikes(self, size_bytes: int) -> dict[str, list[Stored]]:
        found = {label: self._tools.placing.lookalikes(label, size_bytes) for label in self._open}
        return {label: files for label, files in found.items() if files}

    def _adopt(self, digests: Digests, content_type: str) -> None:
        """Take for a copy what earlier tools have put into the vault: nothing is sent."""
        for label, files in self._lookalikes(digests.size_bytes).items():
            if twin := next((stored for stored in files if same(stored, digests)), None):
                self._verified(self._open[label], twin, digests, content_type, 0, is_adopted=True)

    def _verified(
        self,
        attempt: Attempt,
        stored: Stored,
        digests: Digests,
        content_type: str,
        sent_bytes: int,
        *,
        is_adopted: bool = False,
    ) -> None:
        del self._open[attempt.claim.vault]
        self._tools.told(attempt.claim.vault, None)
        self.results.append(
            Result(
                claim=attempt.claim,
                verdict="verified",
                stored=stored,
                sha256=digests.sha256,
                size_bytes=digests.size_bytes,
                etag=self._etag,
                content_type=content_type,
                sent_bytes=sent_bytes,
                is_adopted=is_adopted,
            )
        )

    def _close(self, attempt: Attempt, error: HoldfastError, *, sent_bytes: int = 0, is_of_vault: bool = False) -> None:
        """What did not work: tried again at once where that helps, else told."""
        del self._open[attempt.claim.vault]
        if is_of_vault:
            self._tools.told(attempt.claim.vault, error)
        if isinstance(error, ConflictError):
            self._withdraw(attempt)
        if isinstance(error, _ANEW):
            self.anew.append((_fresh(attempt, error, self._tools.vaults[attempt.claim.vault]), error))
            return
        result = result_of(error, self._work.item, attempt.claim, datetime.now(UTC), sent_bytes)
        if result:
            self.results.append(result)

    def _withdraw(self, attempt: Attempt) -> None:
        """Remove what lies unproven under an id that was drawn for this very copy: nobody else can have put it there.

        A run that was killed before it could compare leaves it; where ids follow from names, it may be anybody's.
        """
        vault = self._tools.vaults[attempt.claim.vault]
        if vault.draws_ids and attempt.remote_id and self._tools.placing.is_ours(attempt.claim):
            with contextlib.suppress(HoldfastError):
                vault.remove(attempt.remote_id)


def _fresh(attempt: Attempt, error: HoldfastError, vault: MediaVault) -> Attempt:
    """The next try after something was lost, damaged, or in the way."""
    if isinstance(error, UploadLostError):
        return replace(attempt, state=None)
    is_taken = isinstance(error, ConflictError) and not vault.draws_ids
    return replace(attempt, state=None, remote_id=None, edition=attempt.edition + is_taken)
