"""What is known of the way to one viewer, and whether it carries what is sent there. No I/O; time is an argument.

Here belong the estimate and its hysteresis: what the viewer's reports and estimates say (`Link`), and when they are
reason enough to send less, to try whether more would fit, and to send more again (`Judge`). Which streams there are to
choose from is `quality`'s. All rates are bits a second, all times seconds of one monotonic clock.

The signals are REMB (draft-alvestrand-rmcat-remb: the receiver watches whether packets come ever later) and receiver
reports (RFC 3550 6.4.1: loss, and the round trip by LSR and DLSR). Transport-wide feedback would leave the estimate to
us, at the price of a number of each viewer's own in every packet and of twenty reports a second from each; a choice
between two or three streams does not need what that buys. REMB alone never says that there is room for much more than
what is being sent, so that is tried: packets sent before go again in one train with a sender report behind it, and
the report's round trip tells how long the train took.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from statistics import median

from gateway.media.model import UtcNs
from gateway.media.rtcp import ReportBlock, utc_ns_to_ntp

HEAVY_LOSS = 0.25
"""Over a span: more than any radio link loses that is not too full."""
LOSS, LOSSY_SPANS = 0.1, 3
"""In so many spans in a row. What NACK repairs is below."""
SPAN_SECONDS, SPAN_PACKETS = 1.0, 100
"""What loss is counted over at least: reports come five times a second, and chance has its way with twenty packets. A
phone that changes cells loses everything for a quarter of a second."""
FIRST_SPAN_SECONDS, FIRST_SPAN_PACKETS = 0.4, 50
"""At the very beginning: what the start burst meets is all that is known of the link."""
DELAY = 0.4
"""A round trip longer than the shortest by this, by two sender reports in a row: a queue that does not empty."""
SHORTFALL = 0.8
"""An estimate below this share of the stream's rate says that the stream does not fit, once it was lowered to there: it
also lies low when little was sent before, and rises with what comes."""
SIGN_OF_DELAY = 0.15
"""By which round trips have become longer, to go along with a low estimate. A browser takes timestamps for sending
times, so that it also lowers its estimate when it is the camera's own link, or a transcode, that delays pictures."""
LOWERED_SECONDS = 3.0
GRACE = 2.0
"""After a change: the queue that the stream before filled is still emptying."""
LOSS_REMEMBERED = 2.0
SUSPICIOUS_NACKS = 5
"""Packets asked for again within `LOSS_REMEMBERED`: the link shows loss."""
RESENT_SHARE = 0.5
"""How much may be sent again, of the stream's own rate."""
FEWEST_RESENT = 50
"""Packets a second that may be sent again however small the stream is."""
CATCH_UP = 2.5
"""How many times the stream's own rate a start may take on a link that shows loss."""
SLOWEST_START = 1.5
"""The same, at least: slower, it would hardly reach the live edge."""

HOLD = 10.0
"""Until it is tried for the first time whether more would fit."""
LONGEST_HOLD = 80.0
RELAPSE = 60.0
"""Going down again this soon after going up doubles the hold."""
PROBE_SECONDS = 0.07
"""What a train carries: the better stream for so long."""
PROBE_PAUSE = 1.5
PROBE_TIMEOUT = 4.0
PROBES = 2
"""Trains in a row that must have come through fast enough."""
HEADROOM = 1.3
"""How much more than the better stream's rate a train must show."""

_PACKET_BITS = 9600
_SENT_REPORTS = 16
_ROUND_TRIPS = 32
_LONGEST_ROUND_TRIP = 30.0
_MOST_SENT = 1 << 20
"""Packets of one span: no viewer gets as many."""


class Link:
    """The way to one viewer, as its RTCP describes it. None: not known yet."""

    def __init__(self) -> None:
        self.loss: float | None = None
        """Share of packets lost over the last span."""
        self.lost = 0
        """Packets since the beginning, as the viewer counts them."""
        self.jitter: float | None = None
        """Seconds (RFC 3550 6.4.1)."""
        self.round_trip: float | None = None
        self.estimate: int | None = None
        """What the viewer said last that gets through (REMB)."""
        self.nacked = 0
        """Packets that the viewer asked for again."""
        self.awaits_answer = False
        """A train left: no sender report may follow the one behind it before that is answered, which it would hide."""
        self._lowered_at = float("-inf")
        self._round_trips: deque[float] = deque(maxlen=_ROUND_TRIPS)
        self._sent: deque[tuple[int, float]] = deque(maxlen=_SENT_REPORTS)
        self._span: tuple[float, int, int] | None = None
        """When the span under way began, and what had been sent and lost by then."""
        self._least_span = SPAN_SECONDS, SPAN_PACKETS
        self._deaf_until = float("-inf")
        self._lossy_spans = 0
        self._late_reports = 0
        self._last_sr = 0
        self._nacks: deque[tuple[float, int]] = deque(maxlen=64)
        self._may_resend, self._resent_at = 0.0, float("-inf")

    # ---- what comes

    def begins(self, sequence: int, now: float) -> None:
        """The packet with this sequence number will be the first."""
        self._span, self._least_span = (now, (sequence - 1) & 0xFFFF, 0), (FIRST_SPAN_SECONDS, FIRST_SPAN_PACKETS)

    def reported(self, utc_ns: UtcNs, now: float) -> int:
        """A sender report with this UTC leaves now; the LSR by which an answer to it can be told."""
        last_sr = utc_ns_to_ntp(utc_ns) >> 16 & 0xFFFFFFFF
        self._sent.append((last_sr, now))
        return last_sr

    def received(self, block: ReportBlock, clock_rate: int, now: float) -> bool:
        """A report block came about a stream whose timestamps count `clock_rate` a second; whether it is the first
        answer to a sender report.
        """
        self.lost = block.lost
        self.jitter = block.jitter / clock_rate
        self._count_loss(block, now)
        sent_at = next((at for last_sr, at in reversed(self._sent) if last_sr == block.last_sr), None)
        if sent_at is None:
            return False
        round_trip = now - sent_at - block.delay_since_last_sr / 65536
        if not 0 <= round_trip <= _LONGEST_ROUND_TRIP:
            return False
        self.round_trip = round_trip
        if block.last_sr == self._last_sr:
            return False  # further answers to one sender report tell of the way back alone
        self._last_sr = block.last_sr
        self._round_trips.append(round_trip)
        self._late_reports = self._late_reports + 1 if round_trip - self.shortest_round_trip > DELAY else 0
        return True

    def _count_loss(self, block: ReportBlock, now: float) -> None:
        if self._span is None:
            if now >= self._deaf_until:
                self._span = (now, block.highest_sequence, block.lost)
            return
        began, highest, lost = self._span
        sent = block.highest_sequence - highest & 0xFFFFFFFF
        if sent >= 1 << 31 or sent > _MOST_SENT:
            self._span = None  # it counts anew, or lies
        elif now - began >= self._least_span[0] and sent >= self._least_span[1]:
            self.loss = min(max((block.lost - lost) / sent, 0.0), 1.0)
            self._span, self._least_span = (now, block.highest_sequence, block.lost), (SPAN_SECONDS, SPAN_PACKETS)
            self._lossy_spans = self._lossy_spans + 1 if self.loss >= LOSS else 0

    def estimated(self, bitrate: int, now: float) -> None:
        """The viewer says what it believes to get through."""
        if self.estimate is not None and bitrate < self.estimate:
            self._lowered_at = now
        self.estimate = bitrate

    def asked_again(self, packets: int, rate: float, now: float) -> int:
        """The viewer lacks so many packets (NACK) of a stream of `rate`; how many of them it should get.

        Where the link is too small, what is sent again only takes the place of what is new.
        """
        self.nacked += packets
        self._nacks.append((now, packets))
        a_second = max(rate * RESENT_SHARE / _PACKET_BITS, FEWEST_RESENT)
        self._may_resend = min(self._may_resend + a_second * (now - self._resent_at), a_second)
        self._resent_at = now
        granted = min(packets, int(self._may_resend))
        self._may_resend -= granted
        return granted

    def forgive(self, now: float) -> None:
        """Judge by what comes from now on, once what is under way has come: another stream is sent."""
        self._deaf_until = now + GRACE
        self._late_reports = self._lossy_spans = 0
        self.loss = self._span = None
        self._lowered_at = float("-inf")

    # ---- what it means

    @property
    def shortest_round_trip(self) -> float:
        """Of the last half minute; 0 before the first."""
        return min(self._round_trips, default=0.0)

    @property
    def _delay(self) -> float:
        """How much longer round trips have become; one that is late by chance does not count."""
        recent = list(self._round_trips)[-3:]
        return median(recent) - self.shortest_round_trip if len(recent) == 3 else 0.0

    @property
    def is_lossy(self) -> bool:
        """So much is lost that hardly a picture can be whole."""
        return (self.loss or 0) >= HEAVY_LOSS

    def is_congested(self, rate: float, now: float) -> bool:
        """Whether a stream of this rate does not fit."""
        if self.is_lossy or self._late_reports >= 2 or self._lossy_spans >= LOSSY_SPANS:
            return True
        return self.denies(rate, now) and self._delay >= SIGN_OF_DELAY

    def denies(self, rate: float, now: float) -> bool:
        """Whether the viewer's own estimate speaks against a stream of this rate."""
        lowered = now - self._lowered_at <= LOWERED_SECONDS
        return lowered and self.estimate is not None and self.estimate < SHORTFALL * rate

    def shows_loss(self, now: float) -> bool:
        """Whether packets were lost just now."""
        recent = sum(packets for at, packets in self._nacks if now - at <= LOSS_REMEMBERED)
        return recent >= SUSPICIOUS_NACKS or (self.loss or 0) >= LOSS

    def start_rate(self, rate: float, now: float) -> float | None:
        """What a start burst of a stream of `rate` may take; None: nothing speaks against any speed."""
        if self.estimate is not None and now - self._lowered_at <= LOWERED_SECONDS:
            return max(float(self.estimate), SLOWEST_START * rate)
        return CATCH_UP * rate if self.shows_loss(now) else None


class Verdict(Enum):
    """What to do with a viewer."""

    STAY = "stay"
    DOWN = "down"
    PROBE = "probe"
    """Find out whether the better stream would fit: see `Judge.probing`."""
    UP = "up"


class Judge:
    """Decides for one viewer, without flapping: down soon, up only after proof, ever later after each relapse."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._hold = HOLD
        self._moved_at = float("-inf")
        self._rose_at = float("-inf")
        self._calm_since: float | None = None
        self._probe: tuple[int, float, float] | None = None
        """LSR, bits and time of the train whose answer is waited for."""
        self._probed_at = float("-inf")
        self._passed = 0

    def verdict(self, now: float, *, rate: float, above: float | None) -> Verdict:
        """Ask this about once a second. `rate` is that of the stream being sent, `above` that of the better one; None:
        there is none.
        """
        if now - self._moved_at < GRACE:
            return Verdict.STAY
        if self._link.is_congested(rate, now):
            self._calm_since = None
            if self._probe is not None or self._passed:
                self._fail(now)
            return Verdict.DOWN
        if above is None:
            return Verdict.STAY
        if self._calm_since is None:
            self._calm_since = now
        if self._probe is not None:
            if now - self._probe[2] > PROBE_TIMEOUT:
                self._fail(now)
            return Verdict.STAY
        if self._passed >= PROBES:
            return Verdict.UP
        pause = PROBE_PAUSE if self._passed else self._hold
        quiet = now - max(self._calm_since, self._probed_at, self._moved_at)
        return Verdict.PROBE if quiet >= pause else Verdict.STAY

    def probing(self, last_sr: int, bits: int, now: float) -> None:
        """A train of so many bits left, and behind it a sender report that answers will name so."""
        self._probe = (last_sr, float(bits), now)
        self._probed_at = now
        self._link.awaits_answer = True

    def answered(self, block: ReportBlock, above: float, now: float) -> None:
        """A report block came, which `Link.received` has taken already: perhaps the answer to the train."""
        if self._probe is None or block.last_sr != self._probe[0] or self._link.round_trip is None:
            return
        _, bits, _ = self._probe
        self._drop_probe()
        took = self._link.round_trip - self._link.shortest_round_trip
        if took * above * HEADROOM <= bits:
            self._passed += 1
        else:
            self._fail(now)

    def moved(self, now: float, *, up: bool) -> None:
        """The viewer gets another stream from now on."""
        if up:
            self._rose_at = now
        elif now - self._rose_at < RELAPSE:
            self._hold = min(2 * self._hold, LONGEST_HOLD)
        else:
            self._hold = HOLD
        self._moved_at = now
        self._passed, self._calm_since = 0, None
        self._drop_probe()
        self._link.forgive(now)

    def _fail(self, now: float) -> None:
        self._hold = min(2 * self._hold, LONGEST_HOLD)
        self._passed, self._probed_at = 0, now
        self._drop_probe()

    def _drop_probe(self) -> None:
        self._probe = None
        self._link.awaits_answer = False
