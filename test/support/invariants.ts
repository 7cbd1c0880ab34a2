import { PAGE_SHIFT } from "#base/slab";
import { NEVER } from "#base/time";
import type { Stack } from "#stack/stack";
import type { PassiveOpen } from "#tcp/words/passive-open";
import { AMBIGUOUS, HAS_FIN, HAS_SYN, LOST, NONE, RESENT, SACKED } from "#tcp/words/records";
import { le, lt } from "#tcp/words/seq";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
  SYN_SENT,
  stateName,
  TIME_WAIT,
} from "#tcp/words/state";
import { T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, T_TIME_WAIT, type Tcb } from "#tcp/words/tcb";

/**
 * What must be true of a stack between two events, once everything that could be sent was sent (`poll` said false):
 * sums recounted, orders of sequence numbers, a timer wherever nothing else can move a connection on, limits. Throws with
 * one sentence on the first that is not.
 */
export function checkStack(stack: Stack, listeners: readonly PassiveOpen[] = []): void {
  let records = 0;
  let connections = 0;
  const halfOpen = new Map<PassiveOpen, number>();
  const early = new Map<PassiveOpen, number>();
  for (const tcb of stack.connections()) {
    connections++;
    records += checkTcb(tcb);
    if (tcb.fast.listener !== null) early.set(tcb.fast.listener, (early.get(tcb.fast.listener) ?? 0) + 1);
    else if (tcb.state === SYN_RECEIVED && tcb.listener !== null) {
      halfOpen.set(tcb.listener, (halfOpen.get(tcb.listener) ?? 0) + 1);
    }
    must(stack.nextDeadline() <= tcb.deadline(), tcb, "the stack wakes no later than its timers");
  }
  check(connections === stack.connectionCount, "the count of connections is that of the table");
  check(connections <= stack.limits.connections, "the limit of connections holds");
  check(records === stack.recordsInUse, `records in use: ${stack.recordsInUse}, in lists: ${records}`);
  check(stack.recordsInUse <= stack.limits.records, "the limit of records holds");
  check(stack.slab.used >= 0 && stack.slab.used <= stack.slab.pages, "the limit of memory holds");
  for (const listener of listeners) {
    check(listener.halfOpen === (halfOpen.get(listener) ?? 0), "half-open children are counted right");
    check(listener.halfOpen <= listener.backlog + 1, "half-open children have a limit");
    const { fastOpenPending, fastOpenResets, params } = listener;
    check(fastOpenPending === (early.get(listener) ?? 0), "early connections are counted right");
    check(fastOpenPending + fastOpenResets.size <= params.fastOpenBacklog, "early connections have a limit");
    check(listener.ready.length <= listener.backlog + 1, "the accept queue has a limit");
  }
}

/** The same for one connection; returns how many records it has. */
export function checkTcb(tcb: Tcb): number {
  const { snd, rcv, cc, state } = tcb;
  must(state !== CLOSED, tcb, "a CLOSED connection is not in the table");
  must(le(snd.una, snd.nxt), tcb, `SND.UNA <= SND.NXT (${snd.una}, ${snd.nxt})`);
  must(snd.queued >= 0 && rcv.unread >= 0, tcb, "queues are not negative");
  must(snd.queued <= snd.capacity, tcb, "the send queue has a limit");
  must(snd.wnd >= 0 && snd.wnd <= 65_535 * 2 ** 14, tcb, "SND.WND is a window");
  must(le(rcv.acked, rcv.nxt) && le(rcv.nxt, rcv.adv), tcb, "Last.ACK.sent <= RCV.NXT <= the edge that was offered");
  must(
    ((rcv.adv - rcv.nxt) | 0) <= Math.max(rcv.capacity, 65_535) + 2 ** 14,
    tcb,
    "the window is no larger than the buffer",
  );
  must(cc.cwnd >= 0 && Number.isFinite(cc.cwnd) && cc.ssthresh > 0, tcb, `cwnd ${cc.cwnd}, ssthresh ${cc.ssthresh}`);
  must(tcb.rto > 0 && tcb.rto <= Math.max(tcb.params.retransmitting.rtoMax, 3_000_000), tcb, `RTO ${tcb.rto}`);
  must(snd.mss > 0 && snd.mssBase >= snd.mss, tcb, `SMSS ${snd.mss}`);
  must(tcb.fast.early === (tcb.fast.listener !== null), tcb, "an early connection has a listener that counts it");
  must(!tcb.fast.early || (state === SYN_RECEIVED && tcb.passive), tcb, "a connection is early in SYN-RECEIVED alone");
  must(!tcb.fast.early || snd.una === ((snd.iss + 1) | 0), tcb, "an early connection has its SYN behind it");
  const count = checkScoreboard(tcb);
  checkOrders(tcb);
  checkRanges(tcb);
  checkProgress(tcb);
  return count;
}

function checkScoreboard(tcb: Tcb): number {
  const { snd } = tcb;
  const { records } = tcb.env;
  let count = 0;
  let sacked = 0;
  let lost = 0;
  let resent = 0;
  let at = snd.una;
  let before = NONE;
  for (let r = tcb.board.head; r !== NONE; r = records.next[r]!) {
    must(++count <= records.limit, tcb, "the list of records ends");
    const flags = records.flags[r]!;
    const n = (records.end[r]! - records.start[r]!) | 0;
    must(n > 0, tcb, "a record is not empty");
    must(records.start[r] === at, tcb, "records cover SND.UNA to SND.NXT without a gap");
    must(records.prev[r] === before, tcb, "the list of records is linked both ways");
    if (flags & SACKED) sacked += n;
    if (flags & LOST) lost += n;
    if (flags & RESENT) resent += n;
    must((flags & SACKED) === 0 || (flags & LOST) === 0, tcb, "what is SACKed is not lost");
    must((flags & RESENT) === 0 || (flags & AMBIGUOUS) !== 0, tcb, "what was resent gives no sample");
    must(
      (flags & HAS_SYN) === 0 || (tcb.state & (SYN_SENT | SYN_RECEIVED)) !== 0,
      tcb,
      "a SYN is in flight only at first",
    );
    must((flags & HAS_FIN) === 0 || (snd.finSent && records.end[r] === snd.nxt), tcb, "the FIN is the last in flight");
    at = records.end[r]!;
    before = r;
  }
  must(tcb.board.tail === before, tcb, "the tail is the last record");
  must(at === snd.nxt, tcb, "records end at SND.NXT");
  must(sacked === tcb.board.sackedBytes, tcb, `sackedBytes ${tcb.board.sackedBytes}, recounted ${sacked}`);
  must(lost === tcb.board.lostBytes, tcb, `lostBytes ${tcb.board.lostBytes}, recounted ${lost}`);
  must(resent === tcb.board.resentBytes, tcb, `resentBytes ${tcb.board.resentBytes}, recounted ${resent}`);
  must(tcb.inFlight() >= 0, tcb, `in flight: ${tcb.inFlight()}`);
  must(count === tcb.board.records, tcb, `records of the connection: ${tcb.board.records}, counted ${count}`);
  if ((tcb.state & (SYN_SENT | SYN_RECEIVED)) === 0) {
    const data = tcb.outstanding() - (snd.finSent && tcb.board.head !== NONE ? 1 : 0);
    must(data <= snd.queued, tcb, "what is in flight is in the send queue");
    must(!snd.finSent || data === snd.queued, tcb, "nothing is queued behind the FIN");
  }
  return count;
}

/** What is in flight in the order of sending, what is lost in that of sequence numbers; each record where its marks say. */
function checkOrders(tcb: Tcb): void {
  const { board, rack } = tcb;
  const { flags, start, end, time, next, later, earlier } = tcb.env.records;
  const expected = { flying: 0, lost: 0 };
  for (let r = board.head; r !== NONE; r = next[r]!) {
    if (flags[r]! & SACKED) continue;
    if ((flags[r]! & (LOST | RESENT)) === LOST) expected.lost++;
    else expected.flying++;
    must(board.index === null || board.index.find(start[r]!) === r, tcb, "a record is found by its number");
  }
  const found = { flying: 0, lost: 0 };
  let before = NONE;
  let sawOvertaken = rack.overtaken === NONE;
  for (let r = board.oldest; r !== NONE; r = later[r]!) {
    must(++found.flying <= expected.flying, tcb, "the list of what is in flight ends");
    must((flags[r]! & SACKED) === 0 && (flags[r]! & (LOST | RESENT)) !== LOST, tcb, "what is in flight is not lost");
    must(earlier[r] === before, tcb, "the list of what is in flight is linked both ways");
    const inOrder =
      before === NONE || time[before]! < time[r]! || (time[before] === time[r] && lt(end[before]!, end[r]!));
    must(inOrder, tcb, "what is in flight is listed as it was sent");
    sawOvertaken ||= r === rack.overtaken;
    before = r;
  }
  must(board.newest === before && sawOvertaken, tcb, "the list of what is in flight has its ends");
  before = NONE;
  for (let r = board.firstLost; r !== NONE; r = later[r]!) {
    must(++found.lost <= expected.lost, tcb, "the list of what is lost ends");
    must((flags[r]! & (SACKED | LOST | RESENT)) === LOST, tcb, "what waits to be resent is lost");
    must(earlier[r] === before, tcb, "the list of what is lost is linked both ways");
    must(before === NONE || lt(start[before]!, start[r]!), tcb, "what is lost is listed by sequence number");
    before = r;
  }
  must(board.lastLost === before, tcb, "the list of what is lost has its ends");
  must(found.flying === expected.flying && found.lost === expected.lost, tcb, "each record is in its list");
}

function checkRanges(tcb: Tcb): void {
  const { ranges, rcv } = tcb;
  let at = rcv.nxt;
  for (let i = 0; i < ranges.count; i++) {
    const left = ranges.left[i]!;
    const right = ranges.right[i]!;
    const first = i === 0 && (tcb.state & (SYN_SENT | SYN_RECEIVED)) !== 0;
    must(first ? le(at, left) : lt(at, left), tcb, "ranges are sorted, disjoint and ahead of RCV.NXT");
    must(lt(left, right), tcb, "a range is not empty");
    at = right;
  }
  const octets = Math.max(0, (at - rcv.nxt) | 0) + rcv.unread;
  must(
    tcb.receiveQueue.memory >> PAGE_SHIFT <= (octets >> PAGE_SHIFT) + 2 + (rcv.capacity >> PAGE_SHIFT),
    tcb,
    "pages follow the octets",
  );
}

/** No state without a timer or a packet of the peer that moves it on. */
function checkProgress(tcb: Tcb): void {
  const { snd, state, timers } = tcb;
  must(tcb.rstNow === 0 && tcb.synNow === 0 && tcb.ackNow === 0, tcb, "nothing is due after the output was drained");
  if (state === TIME_WAIT) must(timers[T_TIME_WAIT]! < NEVER, tcb, "TIME-WAIT ends");
  if (state & (SYN_SENT | SYN_RECEIVED)) must(timers[T_RETRANSMIT]! < NEVER, tcb, "a handshake has its timer");
  if (tcb.board.head !== NONE && state !== TIME_WAIT) {
    const armed = Math.min(timers[T_RETRANSMIT]!, timers[T_LOSS_PROBE]!, timers[T_REORDER]!);
    must(armed < NEVER, tcb, "what is in flight has its timer");
  }
  const sending = state & (ESTABLISHED | CLOSE_WAIT | FIN_WAIT_1 | CLOSING | LAST_ACK);
  const unsent = snd.queued - tcb.outstanding() > 0 || (snd.fin && !snd.finSent);
  if (sending && unsent && tcb.board.head === NONE) {
    must(timers[T_PERSIST]! < NEVER, tcb, "what waits for the window has a probe");
  }
  if (state & (FIN_WAIT_1 | CLOSING | LAST_ACK)) must(snd.fin, tcb, "a closing state has a FIN");
  if (state === FIN_WAIT_2 && tcb.rcv.closed)
    must(timers[T_TIME_WAIT]! < NEVER, tcb, "FIN-WAIT-2 without a reader ends");
}

function must(condition: boolean, tcb: Tcb, rule: string): void {
  if (!condition) throw new Error(`${stateName(tcb.state)} ${tcb.localPort}-${tcb.remotePort}: ${rule}`);
}

function check(condition: boolean, rule: string): void {
  if (!condition) throw new Error(rule);
}
