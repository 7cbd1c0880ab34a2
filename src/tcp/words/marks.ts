/** The rules of TCP, by name: causes of sent segments, and verdicts on received ones. */
import { mark } from "#base/mark";

// Why a segment is sent.
export const TX_SYN = mark("tcp.tx.syn", "active OPEN");
export const TX_SYN_ACK = mark("tcp.tx.syn-ack", "answer to a SYN");
export const TX_COOKIE = mark("tcp.tx.syn-cookie", "answer to a SYN with a SYN cookie (no state is kept)");
export const TX_DATA = mark("tcp.tx.data", "new data");
export const TX_FIN = mark("tcp.tx.fin", "CLOSE: our FIN");
export const TX_RTO = mark("tcp.tx.rto", "retransmitted: no ACK in time (RTO)");
export const TX_FAST = mark("tcp.tx.fast-retransmit", "retransmitted: duplicate ACKs show a loss");
export const TX_LOSS = mark("tcp.tx.loss-recovery", "retransmitted: was in flight at the timeout");
export const TX_TAIL_PROBE = mark("tcp.tx.tail-loss-probe", "tail loss probe (RFC 8985)");
export const TX_SYN_DATA = mark("tcp.tx.syn-data-again", "retransmitted: the peer did not take the SYN's data");
export const TX_PROBE = mark("tcp.tx.window-probe", "probe of a closed window");
export const TX_OVERRIDE = mark("tcp.tx.sws-override", "small segment sent after the override timeout");
export const TX_KEEPALIVE = mark("tcp.tx.keep-alive", "keep-alive probe");
export const TX_ACK_QUICK = mark("tcp.tx.ack-quick", "immediate ACK, early in the connection");
export const TX_ACK_SECOND = mark("tcp.tx.ack-second", "ACK for every second full segment");
export const TX_ACK_DELAYED = mark("tcp.tx.ack-delayed", "the delayed ACK timer expired");
export const TX_ACK_ORDER = mark("tcp.tx.ack-out-of-order", "duplicate ACK: a segment arrived out of order");
export const TX_ACK_FILLED = mark("tcp.tx.ack-hole-filled", "immediate ACK: a gap was filled");
export const TX_ACK_FIN = mark("tcp.tx.ack-fin", "ACK of a FIN");
export const TX_ACK_HANDSHAKE = mark("tcp.tx.ack-handshake", "third step of the handshake");
export const TX_ACK_UNACCEPTABLE = mark("tcp.tx.ack-unacceptable", "ACK for an unacceptable segment");
export const TX_ACK_WINDOW = mark("tcp.tx.window-update", "the window opened");
export const TX_ACK_PUSH = mark("tcp.tx.ack-push", "immediate ACK: nothing else to wait for");
export const TX_CHALLENGE = mark("tcp.tx.challenge-ack", "challenge ACK (RFC 5961)");
export const TX_RST_ABORT = mark("tcp.tx.rst-abort", "ABORT");
export const TX_RST_UNREAD = mark("tcp.tx.rst-unread-data", "closed with unread data, or data arrived after the close");
export const TX_RST_CLOSED = mark("tcp.tx.rst-closed", "no such connection");
export const TX_RST_ACK = mark("tcp.tx.rst-bad-ack", "ACK of data that was never sent");
export const TX_RST_REMOTE_REFUSED = mark("tcp.tx.rst-remote-refused", "this remote may not connect to the listener");
export const TX_RST_LIMIT = mark("tcp.tx.rst-limit", "a limit ended the connection");

export const TX_RST_LIMITED = mark("tcp.rst-limited", "an RST was not sent: too many per second");

// What happened to a segment that arrived.
export const RX_HANDED_OVER = mark(
  "tcp.rx.handed-over",
  "for no connection of this queue's stack: the next one gets it",
);
export const RX_DATA = mark("tcp.rx.data", "in-order data");
export const RX_ACK = mark("tcp.rx.ack", "ACK of new data");
export const RX_ACK_DUPLICATE = mark("tcp.rx.ack-duplicate", "duplicate ACK: something after a gap arrived");
export const RX_ACK_SACK = mark("tcp.rx.ack-sack", "ACK that reports data after a gap (SACK, RFC 2018)");
export const RX_ACK_DSACK = mark("tcp.rx.ack-dsack", "ACK that reports data received twice (D-SACK, RFC 2883)");
export const RX_ACK_OLD = mark("tcp.rx.ack-old", "ACK of data acknowledged already");
export const RX_WINDOW = mark("tcp.rx.window", "window update");
export const RX_OUT_OF_ORDER = mark("tcp.rx.out-of-order", "out-of-order data, kept for later");
export const RX_CE = mark("tcp.rx.ce", "segment with a congestion mark (RFC 3168)");
export const RX_DUPLICATE = mark("tcp.rx.duplicate", "duplicate data, already received");
export const RX_UNACCEPTABLE = mark("tcp.rx.unacceptable", "outside the receive window");
export const RX_NO_ACK = mark("tcp.rx.no-ack", "segment without ACK on an open connection");
export const RX_BAD_ECHO = mark(
  "tcp.rx.bad-echo",
  "answer to a SYN that echoes a timestamp never sent (RFC 7323 §3.2)",
);
export const RX_PAWS = mark("tcp.rx.paws", "timestamp older than the last one (PAWS, RFC 7323 §5)");
export const RX_NO_TIMESTAMP = mark("tcp.rx.no-timestamp", "the negotiated timestamp is missing (RFC 7323 §3.2)");
export const RX_RST = mark("tcp.rx.rst", "reset by the peer");
export const RX_RST_IGNORED = mark("tcp.rx.rst-ignored", "RST outside the window");
export const RX_RST_CHALLENGED = mark(
  "tcp.rx.rst-challenged",
  "RST inside the window but not at RCV.NXT (RFC 5961 §3)",
);
export const RX_SYN_CHALLENGED = mark("tcp.rx.syn-challenged", "SYN on an open connection (RFC 5961 §4)");
export const RX_ACK_TOO_OLD = mark("tcp.rx.ack-too-old", "ACK older than the largest window (RFC 5961 §5)");
export const RX_ACK_TOO_NEW = mark("tcp.rx.ack-too-new", "ACK of data not yet sent");
export const RX_AFTER_CLOSE = mark("tcp.rx.after-close", "data arrived after nobody reads any more");
export const RX_NO_MEMORY = mark("tcp.rx.no-memory", "no memory left for the data");
export const RX_PRUNED = mark(
  "tcp.rx.pruned",
  "out-of-order data dropped for data that is due: the peer sends it again",
);
export const RX_TOO_MANY_RANGES = mark("tcp.rx.too-many-ranges", "more gaps than the limit");
export const RX_SYN_DUPLICATE = mark("tcp.rx.syn-duplicate", "the SYN again: our SYN,ACK was lost");
export const RX_CLOSED = mark("tcp.rx.closed", "no connection and no listener for it");
export const RX_BACKLOG = mark("tcp.rx.backlog", "the listener's backlog is full");
export const RX_HELD = mark("tcp.rx.held", "repeated SYN: the application has not decided yet about this connection");
export const RX_SYN_FLOOD = mark("tcp.rx.syn-flood", "SYN dropped: more come than can be answered");
export const RX_SOURCE_LIMIT = mark("tcp.rx.source-limit", "the limit of connections of one source is reached");
export const RX_LIMIT = mark("tcp.rx.limit", "the limit of connections is reached");
export const RX_SIGNED = mark("tcp.rx.signed", "unexpected MD5 signature (RFC 2385)");
export const RX_DEFERRED = mark("tcp.rx.deferred", "ACK of our SYN,ACK; the listener waits for data first");
export const RX_COOKIE = mark("tcp.rx.syn-cookie", "connection accepted by the SYN cookie in its ACK");
export const RX_REMOTE_REFUSED = mark("tcp.rx.remote-refused", "SYN from a remote that may not connect");
export const RX_BAD_SYN = mark("tcp.rx.bad-syn", "SYN with RST or FIN, or from an impossible source");
export const RX_TIME_WAIT_SYN = mark(
  "tcp.rx.time-wait-syn",
  "a new connection takes the place of TIME-WAIT (RFC 6191)",
);
export const RX_BAD_CHECKSUM = mark("tcp.rx.bad-checksum", "the checksum is wrong");
export const RX_BAD_OPTION = mark("tcp.rx.bad-option", "option with an illegal length; the rest was ignored");
export const RX_INVALID_LIMITED = mark("tcp.rx.invalid-limited", "unacceptable; its ACK was rate limited");

// Why a state or a window changed.
export const CALL_OPEN = mark("tcp.call.open", "OPEN");
export const CALL_CLOSE = mark("tcp.call.close", "CLOSE");
export const CALL_ABORT = mark("tcp.call.abort", "ABORT");
export const GOT_SYN = mark("tcp.got.syn", "a SYN arrived");
export const GOT_ACK_OF_SYN = mark("tcp.got.ack-of-syn", "our SYN was acknowledged");
export const GOT_ACK_OF_FIN = mark("tcp.got.ack-of-fin", "our FIN was acknowledged");
export const GOT_FIN = mark("tcp.got.fin", "the peer's FIN arrived");
export const GAVE_UP = mark("tcp.gave-up", "gave up: no answer within the time allowed");
export const GAVE_UP_WINDOW = mark(
  "tcp.gave-up-closed-window",
  "gave up: the peer answers but keeps its window closed (RFC 6429)",
);
export const TIMER_RTO = mark("tcp.timer.rto", "the retransmission timer");
export const TIMER_REORDER = mark(
  "tcp.timer.reorder",
  "later data was delivered more than the reordering window ago (RFC 8985)",
);
export const TX_REFUSED = mark("tcp.tx.refused", "the device's own queue is full: the segment counts as not sent");
export const TIMER_LOSS_PROBE = mark("tcp.timer.loss-probe", "no ACK for two round trips: probe the tail (RFC 8985)");
export const TIMER_PERSIST = mark("tcp.timer.persist", "the persist timer");
export const TIMER_KEEPALIVE = mark("tcp.timer.keep-alive", "the keep-alive timer");
export const TIMER_TIME_WAIT = mark("tcp.timer.time-wait", "2 MSL are over");
export const TIMER_FIN_WAIT_2 = mark("tcp.timer.fin-wait-2", "FIN-WAIT-2 and nobody reads any more");
export const TIMER_DELAYED_ACK = mark("tcp.timer.delayed-ack", "the delayed ACK timer");
export const CC_SLOW_START = mark("tcp.cc.slow-start", "slow start");
export const CC_AVOIDANCE = mark("tcp.cc.avoidance", "congestion avoidance");
export const CC_ENTER_RECOVERY = mark("tcp.cc.enter-recovery", "fast recovery begins");
export const CC_RECOVERY = mark("tcp.cc.recovery", "proportional rate reduction (RFC 6937)");
export const CC_EXIT_RECOVERY = mark("tcp.cc.exit-recovery", "recovery is over");
export const CC_RATE = mark("tcp.cc.rate", "cwnd and pace follow what the path delivers");
export const CC_FALLBACK = mark("tcp.cc.fallback", "the user's congestion controller failed: NewReno takes its place");
export const CC_ECN = mark("tcp.cc.ecn", "the peer reports a congestion mark (RFC 3168)");
export const CC_LOCAL = mark(
  "tcp.cc.local",
  "the device's own queue is full: cwnd is reduced as for a congestion mark",
);
export const CC_LOSS = mark("tcp.cc.loss", "timeout: cwnd falls to one segment");
export const CC_UNDO = mark("tcp.cc.undo", "false alarm: nothing was lost, cwnd restored (RFC 4015, 3708, 5682)");
export const CC_IDLE = mark("tcp.cc.idle", "restart after idle");
export const FAST_OPEN_ASKED = mark("tcp.fast-open.asked", "SYN asks for a Fast Open cookie (RFC 7413)");
export const FAST_OPEN_ACCEPTED = mark("tcp.fast-open.accepted", "SYN with a valid cookie: its data is accepted");
export const FAST_OPEN_WRONG = mark("tcp.fast-open.wrong-cookie", "SYN with an invalid cookie: normal handshake");
export const FAST_OPEN_LIMIT = mark("tcp.fast-open.limit", "too many pending Fast Open connections: normal handshake");
export const FAST_OPEN_SENT = mark("tcp.fast-open.sent", "data sent in our SYN");
export const FAST_OPEN_NOT_TAKEN = mark("tcp.fast-open.not-taken", "the peer did not take the data in our SYN");
export const FAST_OPEN_PAUSED = mark("tcp.fast-open.paused", "Fast Open failed: normal handshakes for a while");
export const ICMP_HARD = mark("tcp.icmp.hard", "ICMP ended the connection attempt");
export const ICMP_SOFT = mark("tcp.icmp.soft", "ICMP error noted, connection continues");
export const ICMP_MTU = mark("tcp.icmp.mtu", "ICMP: smaller path MTU; retransmitting in smaller segments");
export const ICMP_NO_CONNECTION = mark("tcp.icmp.no-connection", "ICMP error for an unknown connection");
export const ICMP_STALE = mark("tcp.icmp.stale", "ICMP error for a segment that is not in flight (RFC 5927)");
export const RECYCLED = mark("tcp.recycled", "TIME-WAIT ended early to make room");
export const REPLACED = mark("tcp.replaced", "replaced by a new connection");
