"""Every call to Drive: paced, with a token, tried again where that is safe, and its refusals made ours."""

import http.client
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar
from urllib.parse import urlsplit

from holdfast.errors import ThrottledError, TransientError, UploadLostError, VaultClosedError
from holdfast.media.pace import DailyCap, Pace
from holdfast.media.vaults import Buffer
from holdfast.retries import Backoff
from resources.drive.access import DriveAccess
from resources.drive.auth import Login
from resources.drive.lines import Answer, Line, Lines, translated
from resources.drive.refusals import MOST_BYTES_A_DAY, closed_for_today, judged, read_refusal

# Quota units per user and minute, and what calls cost. Source: Drive, "Usage limits" (May 2026).
UNITS_PER_MINUTE: Final = 325_000
# A throttled vault never goes slower than three writes a second, the rate that Google names as sustained (Workspace
# Admin Help, "Google Drive best practices").
LEAST_UNITS_PER_S: Final = 150.0
GET_UNITS: Final = 5
LIST_UNITS: Final = 100
STORE_UNITS: Final = 50
READ_UNITS: Final = 200
# A longer wait is the caller's, who may have other work, or be told to stop.
LONGEST_WAIT_S: Final = 8.0
_MOST_REFUSAL_BYTES: Final = 65_536
# Enough for a hiccup: whoever moves files has a longer patience of its own.
PATIENCE: Final = Backoff(attempts=4, first_s=0.5, most_s=4.0)
T = TypeVar("T")


class Caller:
    """The one way to ask Drive anything. Safe to use from several threads."""

    def __init__(self, access: DriveAccess, *, timeout_s: float, patience: Backoff, units_per_minute: float) -> None:
        self.access = access
        self.lines = Lines(timeout_s)
        self.login = Login(access, self.lines)
        self.patience = patience
        self._host = urlsplit(access.endpoint).netloc
        self._lock = threading.Lock()
        self._quota = Pace(units_per_minute, LEAST_UNITS_PER_S)
        self._cap = DailyCap(MOST_BYTES_A_DAY)
        self._closing = threading.Event()

    def once(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        units: float,
        headers: Mapping[str, str] | None = None,
        pieces: Sequence[Buffer] = (),
        fine: Collection[int] = (),
    ) -> Answer:
        """Ask one time, or twice where the token had run out.

        ``doing`` is for people, should it not work; ``units`` what it costs of the quota; ``fine`` are statuses of
        300 or more that are no error here.

        Raises:
            TransientError: it did not work, and nobody knows whether it was done.
            ThrottledError: Drive asks for patience, or our own pace does for longer than is waited here.
            VaultClosedError: nothing goes until something changes.
            PermanentError: the request is wrong.
        """
        self._pace(units, doing)
        # The address of a session is a key in itself; a token goes to the endpoint alone.
        token = self.login.token() if urlsplit(url).netloc == self._host else ""
        answer = self._exchange(method, url, headers, pieces, token)
        if answer.status == 401 and token:
            token = self.login.renewed(token)
            answer = self._exchange(method, url, headers, pieces, token)
        if answer.status < 300 or answer.status in fine:
            return answer
        raise self._refused(answer, doing, is_storing=units == STORE_UNITS or method == "PUT")

    def open(
        self, url: str, *, doing: str, units: float, headers: Mapping[str, str], fine: Collection[int] = ()
    ) -> tuple[Line, http.client.HTTPResponse]:
        """As ``once``, for an answer whose body the caller reads itself."""
        self._pace(units, doing)
        token = self.login.token()
        line, response = self.lines.open("GET", url, {"Authorization": f"Bearer {token}", **headers})
        if response.status == 401:
            line.close()
            token = self.login.renewed(token)
            line, response = self.lines.open("GET", url, {"Authorization": f"Bearer {token}", **headers})
        if response.status < 300 or response.status in fine:
            return line, response
        with translated(line.origin):
            body = response.read(_MOST_REFUSAL_BYTES)
        line.close()
        raise self._refused(Answer(response.status, response.headers, body), doing, is_storing=False)

    def ask(self, asking: Callable[[], T]) -> T:
        """Call something that may be done twice, until it works or patience ends.

        Raises:
            TransientError, ThrottledError, VaultClosedError, PermanentError: what the last attempt said.
        """
        for delay_s in self.patience.delays_s():
            try:
                return asking()
            except (VaultClosedError, UploadLostError):
                raise
            except TransientError as error:
                self.wait(self.delay_s(error, delay_s), error)
        return asking()

    def delay_s(self, error: TransientError, delay_s: float) -> float:
        """How long to wait after an error: what Drive asks for, else ours with some chance, so that callers part."""
        asked_s = error.wait_s if isinstance(error, ThrottledError) else None
        if asked_s is not None:
            return asked_s
        return delay_s * (1 + secrets.randbelow(500) / 1000)

    def wait(self, wait_s: float, error: TransientError) -> None:
        """Wait, unless that is too long, or the vault is being closed.

        Raises:
            TransientError: ``error``, where there is no waiting.
        """
        if wait_s > LONGEST_WAIT_S or self._closing.wait(wait_s):
            raise error

    def stored(self, count_bytes: int) -> None:
        """Bytes went in: they count against the day."""
        with self._lock:
            self._cap.stored(count_bytes)

    def check_day(self, doing: str) -> None:
        """Whether something can be stored today at all.

        Raises:
            VaultClosedError: the cap of the day is reached.
        """
        with self._lock:
            is_reached = self._cap.is_reached(time.monotonic())
        if is_reached:
            raise closed_for_today(doing)

    def close(self) -> None:
        """Wake whoever waits, and hang up."""
        self._closing.set()
        self.lines.close()

    def _pace(self, units: float, doing: str) -> None:
        with self._lock:
            wait_s = self._quota.take(units, time.monotonic(), LONGEST_WAIT_S)
        if wait_s > 0:
            text = f"Google Drive, {doing}: it is asked no faster than it likes; wait {wait_s:.0f} s"
            self.wait(wait_s, ThrottledError(text, wait_s=wait_s))

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str] | None, pieces: Sequence[Buffer], token: str
    ) -> Answer:
        said = {"Authorization": f"Bearer {token}"} if token else {}
        if headers:
            said.update(headers)
        return self.lines.exchange(method, url, said, pieces)

    def _refused(self, answer: Answer, doing: str, *, is_storing: bool) -> Exception:
        refusal = read_refusal(answer)
        if not refusal.is_throttle:
            return judged(refusal, self.access, doing)
        now_s = time.monotonic()
        with self._lock:
            self._quota.throttled(now_s, refusal.wait_s or 0.0)
            if is_storing:
                self._cap.throttled(now_s, is_worded=refusal.is_daily_cap)
            is_over = is_storing and self._cap.is_reached(now_s)
        return closed_for_today(doing) if is_over else judged(refusal, self.access, doing)
