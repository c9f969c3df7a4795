"""Resumable uploads: parts of a large file, sent from where Drive says that it is.

Source: Drive guide, "Upload file data", resumable uploads: parts are multiples of 256 KiB but for the last; 308 with
``Range`` says what was kept, which may be less than was sent; on any doubt an empty request asks.
"""

import contextlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from holdfast.errors import HoldfastError, TransientError, UploadLostError, VaultClosedError
from holdfast.media.vaults import Buffer, NewFile, Stored
from resources.drive.calling import Caller
from resources.drive.files import Files
from resources.drive.lines import Answer
from resources.drive.metadata import Document

_KEPT: Final = re.compile(r"bytes=0-(\d+)")
_DONE: Final = (200, 201)
# "4xx errors: the upload must be started over", but for those that have a reason of their own: 401, 403 and 429.
# 409: another session has made the file in the meantime.
_ENDED: Final = (400, 404, 409, 410, 412, 416, 499)


@dataclass(frozen=True, slots=True)
class Session:
    """Where one file is sent to; ``address`` is a key in itself."""

    address: str
    remote_id: str
    name: str
    size_bytes: int | None

    def document(self) -> dict[str, Any]:
        """What is sealed."""
        return asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any], file: NewFile) -> Self:
        """A session that was sealed.

        Raises:
            UploadLostError: it is of another file, or of another version of Holdfast.
        """
        try:
            session = cls(**document)
        except TypeError:
            session = None
        if session is None or session.remote_id != file.remote_id:
            raise UploadLostError(f"Google Drive: {file.name}: what was kept of it is another file's; it is begun anew")
        return session

    def __repr__(self) -> str:
        """Without the address."""
        return f"Session({self.name!r}, {self.remote_id!r})"


class DriveUpload:
    """One file on its way; see ``holdfast.media.vaults.Upload``."""

    def __init__(self, caller: Caller, files: Files, session: Session, state: bytes) -> None:
        self._caller = caller
        self._files = files
        self._session = session
        self._state = state
        self._offset = 0
        self._is_in_doubt = False
        self._is_proven = False
        self._document: Document | None = None

    @property
    def offset(self) -> int:
        """How many bytes Drive has for good."""
        return self._offset

    @property
    def state(self) -> bytes:
        """The session, sealed."""
        return self._state

    @property
    def is_whole(self) -> bool:
        """Whether Drive has made the file."""
        return self._document is not None

    def send(self, part: Buffer, *, total_bytes: int | None) -> int:
        """Send the bytes from ``offset`` on; how many of them Drive took."""
        view = memoryview(part).cast("B")
        if self.is_whole:
            return 0
        self._caller.check_day(self._doing)
        first, end = self._offset, self._offset + len(view)
        total = "*" if total_bytes is None else str(total_bytes)
        if self._is_in_doubt:
            kept = self._moved(self._put(f"bytes */{total}", []), first, end)
            if kept or self.is_whole:
                return kept
        return self._moved(self._sent(view, first, end, total), first, end)

    def look(self, total: str | None = None) -> None:
        """Ask Drive how far it is.

        Raises:
            UploadLostError: it knows nothing of the upload.
        """
        size = self._session.size_bytes
        said = f"bytes */{total or ('*' if size is None else size)}"
        answer = self._caller.ask(lambda: self._put(said, []))
        self._offset = self._kept(answer)

    def finish(self, sha256: bytes) -> Stored:
        """The file, once Drive's size and sha256 equal what was sent."""
        size_bytes = self._offset
        if self._document is None:
            self.look(str(size_bytes) if self._session.size_bytes is None else None)
        if self._document is None:
            raise TransientError(
                f"Google Drive: {self._session.name}: {self._offset} bytes of it are there, and Drive says that more "
                "have to come; it is sent on"
            )
        found = self._files.prove(self._document, self._session.name, size_bytes, sha256, may_withdraw=True)
        self._is_proven = True
        return found

    def abandon(self) -> None:
        """Forget what was sent; a file that was made of it and not proven is withdrawn."""
        if self._is_proven:
            return
        if self._document is not None:
            self._files.remove(self._session.remote_id)
            return
        # A session that is not ended so ends by itself within a week.
        with contextlib.suppress(HoldfastError):
            self._caller.once("DELETE", self._session.address, doing=self._doing, units=0, fine=_ENDED)

    def close(self) -> None:
        """Nothing to let go of: lines are the vault's."""

    @property
    def _doing(self) -> str:
        return f"sending {self._session.name}"

    def _put(self, said: str, pieces: list[memoryview]) -> Answer:
        answer = self._caller.once(
            "PUT",
            self._session.address,
            doing=self._doing,
            units=0,
            headers={"Content-Range": said},
            pieces=pieces,
            fine=(308, *_ENDED),
        )
        if answer.status in _ENDED:
            raise UploadLostError(
                f"Google Drive: {self._session.name}: Drive knows nothing of the half-sent file any more "
                f"({answer.status}); it is begun anew"
            )
        return answer

    def _sent(self, view: memoryview, first: int, end: int, total: str) -> Answer:
        """Send a part; where nobody knows what became of it, Drive is asked."""
        said = f"bytes {first}-{end - 1}/{total}" if end > first else f"bytes */{total}"
        self._is_in_doubt = True
        try:
            return self._put(said, [view] if end > first else [])
        except (VaultClosedError, UploadLostError):
            raise
        except TransientError as error:
            return self._asked_after(error, total)

    def _asked_after(self, error: TransientError, total: str) -> Answer:
        """How far Drive is, after an attempt that nobody knows the end of."""
        for delay_s in self._caller.patience.delays_s():
            self._caller.wait(self._caller.delay_s(error, delay_s), error)
            try:
                return self._put(f"bytes */{total}", [])
            except (VaultClosedError, UploadLostError):
                raise
            except TransientError as another:
                error = another
        raise error

    def _moved(self, answer: Answer, first: int, end: int) -> int:
        """How many bytes an answer says were taken.

        Raises:
            UploadLostError: it cannot be, between what was there and what was sent.
        """
        self._is_in_doubt = False
        kept = self._kept(answer)
        if self.is_whole:
            # Whether it is as long as what was sent is for ``finish`` to say, which withdraws it otherwise.
            kept = end
        if not first <= kept <= end:
            raise UploadLostError(
                f"Google Drive: {self._session.name}: Drive has {kept} bytes of it, {first} were there before and "
                f"{end - first} sent; it is begun anew"
            )
        self._offset = kept
        return kept - first

    def _kept(self, answer: Answer) -> int:
        if answer.status in _DONE:
            self._document = self._read(answer)
            size_bytes = int(self._document.get("size", 0))
            self._caller.stored(size_bytes)
            return size_bytes
        found = _KEPT.fullmatch(answer.header("Range"))
        return int(found[1]) + 1 if found else 0

    def _read(self, answer: Answer) -> Document:
        try:
            document: Document = json.loads(answer.body)
        except ValueError:
            return self._files.existing(self._session.remote_id, self._session.name)
        return document
