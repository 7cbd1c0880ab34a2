/** What holds of every connection whenever its stack has done all that is to be done. */
import { MILLISECOND, NEVER } from "#base/time";
import type { Stack } from "#stack/stack";
import { memoryBuffer } from "#tcp/receive/memory-window";
import { memoryOf } from "#tcp/receive/truesize";
import { countsMemory } from "#tcp/receive/window";
import { PAGE } from "#tcp/words/receive-memory";
import { HAS_FIN, LOST, NONE, RESENT, SACKED } from "#tcp/words/records";
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  MAY_RECEIVE,
  SYN_RECEIVED,
  SYN_SENT,
  stateName,
  TIME_WAIT,
} from "#tcp/words/state";
import { T_DELAYED_ACK, T_LOSS_PROBE, T_PERSIST, T_REORDER, T_RETRANSMIT, T_TIME_WAIT, type Tcb } from "#tcp/words/tcb";
import { prefixEnd, type Stretch } from "./stretches.ts";
import { Violation } from "./violation.ts";

/** What is known of a connection from before. */
export interface Remembered {
  readonly tcb: Tcb;
  readonly delivered: Stretch[];
  readonly sacked: Stretch[];
  una: number;
  nxt: number;
  rcvNxt: number;
  adv: number;
  edgeSent: number;
  retries: number;
  rto: number;
  looked: string;
  ours(seq: number): number;
  theirs(seq: number): number;
}

const SENDING = ESTABLISHED | CLOSE_WAIT | FIN_WAIT_1 | CLOSING | LAST_ACK;

/** @param tight whether memory may be missing */
export function checkAtRest(
  name: string,
  stack: Stack,
  was: Remembered,
  rttMin: number,
  now: number,
  tight: boolean,
): void {
  const { tcb } = was;
  const { snd, rcv, cc } = tcb;
  const fail = (rule: string, seen: string) => {
    throw new Violation(rule, `${name} ${tcb.localPort}>${tcb.remotePort} ${stateName(tcb.state)}: ${seen}`);
  };
  if (tcb.state === CLOSED) return;
  if (tcb.rstNow !== 0 || tcb.synNow !== 0 || tcb.probeNow !== 0 || tcb.ackNow !== 0)
    fail("at rest nothing is due", `ack ${tcb.ackNow} probe ${tcb.probeNow} syn ${tcb.synNow}`);
  checkMovable(stack, tcb, now, fail);

  const una = was.ours(snd.una);
  const nxt = was.ours(snd.nxt);
  const synSent = tcb.state === SYN_SENT;
  const rcvNxt = synSent ? 0 : was.theirs(rcv.nxt);
  const adv = synSent ? 0 : was.theirs(rcv.adv);
  if (una < was.una || nxt < was.nxt || una > nxt)
    fail("SND.UNA and SND.NXT move on", `${was.una}..${was.nxt} to ${una}..${nxt}`);
  if (rcvNxt < was.rcvNxt) fail("RCV.NXT never moves back", `${was.rcvNxt} to ${rcvNxt}`);
  // If memory is missing the window is closed, and a read may open it at once; the packets in between are looked at one by one.
  if (adv < (tight || countsMemory(tcb) ? was.edgeSent : was.adv))
    fail("the right edge never moves left", `${was.adv} to ${adv}`);
  if (!synSent && rcvNxt > adv && tcb.state & MAY_RECEIVE)
    fail("nothing beyond the window is taken", `${rcvNxt} > ${adv}`);
  if (!synSent && rcvNxt > prefixEnd(was.delivered)) {
    fail("RCV.NXT is what arrived without a hole", `${rcvNxt} > ${prefixEnd(was.delivered)}`);
  }
  for (let i = 0; i < tcb.ranges.count; i++) {
    if (was.theirs(tcb.ranges.right[i]!) > adv) fail("nothing beyond the window is taken", "a range ends behind it");
    // Text of a SYN waits at RCV.NXT until the handshake is over (docs/adr/0005).
    if (was.theirs(tcb.ranges.left[i]!) < rcvNxt + (tcb.state === SYN_RECEIVED ? 0 : 1))
      fail("ranges lie beyond RCV.NXT", `${was.theirs(tcb.ranges.left[i]!)}`);
  }
  if (countsMemory(tcb)) checkMemory(tcb, fail);
  else {
    // An eighth more where scaled windows are rounded up, and a unit of that.
    const most = rcv.capacity * (rcv.shift > 0 ? 1.125 : 1) + (1 << rcv.shift);
    if (rcv.unread > most) fail("RCV.BUFF bounds what is kept", `${rcv.unread} of ${rcv.capacity}`);
  }
  // A timestamp's tick is a millisecond.
  if (tcb.rttMin < rttMin - MILLISECOND)
    fail("no round trip is faster than the path (Karn)", `${tcb.rttMin} < ${rttMin}`);
  if (
    tcb.retries > was.retries &&
    tcb.retries > 1 &&
    tcb.rto < Math.min(2 * was.rto, tcb.params.retransmitting.rtoMax)
  ) {
    fail("the RTO doubles (RFC 6298 (5.5))", `${was.rto} to ${tcb.rto}`);
  }
  if (cc.cwnd !== 0 && cc.cwnd < Math.min(snd.mss, snd.mssBase - 40))
    fail("cwnd is a segment at the least", `${cc.cwnd} < ${snd.mss}`);
  was.una = una;
  was.nxt = nxt;
  was.rcvNxt = rcvNxt;
  was.adv = adv;
  was.retries = tcb.retries;
  was.rto = tcb.rto;
  while (was.sacked.length > 0 && was.sacked[0]![1] <= una) was.sacked.shift();
  const looked = `${una} ${nxt} ${tcb.segmentsIn} ${tcb.segmentsOut} ${tcb.timeouts}`;
  if (looked !== was.looked) recount(stack, tcb, fail);
  was.looked = looked;
}

type Fail = (rule: string, seen: string) => void;

/** Memory in use is the sum over all buffers, those in order hold the unread text without a hole, and the buffer limits all of it. */
export function checkMemory(tcb: Tcb, fail: Fail): void {
  const { memory, rcv } = tcb;
  const { inOrder, beyond } = memory;
  // RCV.NXT counts the FIN as well.
  const end = rcv.finSeen && ((rcv.nxt - rcv.fin) | 0) > 0 ? rcv.fin : rcv.nxt;
  let at = (end - rcv.unread) | 0;
  let sum = 0;
  for (let i = 0; i < inOrder.count; i++) {
    sum += inOrder.sizeOf(i);
    if (((inOrder.endOf(i) - at) | 0) <= 0) fail("each buffer in order holds unread text", `buffer ${i}`);
    if (i > 0 && ((inOrder.startOf(i) - at) | 0) > 0) fail("buffers in order have no hole", `before buffer ${i}`);
    at = inOrder.endOf(i);
  }
  if (at !== end) fail("buffers in order hold the unread text", `${(end - at) | 0} octets of ${rcv.unread}`);
  for (let i = 0; i < beyond.count; i++) sum += beyond.sizeOf(i);
  if (sum !== memory.used) fail("memory in use is the sum over all buffers", `${memory.used}, not ${sum}`);
  if (memory.reserved < 0) fail("memory is reserved before it is used", `${memory.reserved}`);
  // Text of a SYN gets its memory when the handshake is over.
  if (tcb.state !== SYN_RECEIVED && beyond.count > 0 !== tcb.ranges.count > 0)
    fail("text beyond a gap has memory", `${beyond.count} buffers`);
  // The last segment may exceed the buffer, and pages that were reserved.
  const most = memoryBuffer(tcb) + memoryOf(Math.max(rcv.mss, 1_500)) + PAGE;
  if (memory.used > most) fail("RCV.BUFF bounds what is kept", `${memory.used} octets of memory, ${most} are allowed`);
}

/** No state without a timer, or something in the net, that can move it. */
function checkMovable(stack: Stack, tcb: Tcb, now: number, fail: Fail): void {
  const { snd, rcv, timers } = tcb;
  const armed = (timer: number) => timers[timer]! !== NEVER;
  const outstanding = tcb.outstanding() > 0;
  if (tcb.state & (SYN_SENT | SYN_RECEIVED) && !armed(T_RETRANSMIT))
    fail("a state has a way out", "no retransmission timer");
  // One timer runs, for one of these.
  const sooner = armed(T_LOSS_PROBE) || armed(T_REORDER);
  if (outstanding && tcb.state !== TIME_WAIT && !armed(T_RETRANSMIT) && !sooner)
    fail("what is in flight has a timer", "none is armed");
  if (tcb.state & SENDING && !outstanding && (snd.queued > 0 || (snd.fin && !snd.finSent)) && !armed(T_PERSIST)) {
    fail("a closed window has a probe", `${snd.queued} queued, window ${snd.wnd}, no persist timer`);
  }
  if (tcb.state === TIME_WAIT && !armed(T_TIME_WAIT)) fail("a state has a way out", "no 2 MSL timer");
  if (tcb.state === FIN_WAIT_2 && rcv.closed && !armed(T_TIME_WAIT))
    fail("a state has a way out", "nobody reads, no timer");
  if (tcb.state & SENDING && rcv.nxt !== rcv.acked && !armed(T_DELAYED_ACK)) {
    fail("what arrived is acknowledged, or will be", `${(rcv.nxt - rcv.acked) | 0} octets, no timer`);
  }
  const deadline = tcb.deadline();
  if (deadline <= now) fail("at rest nothing is due", `a timer of ${deadline}`);
  if (stack.nextDeadline() > deadline)
    fail("the stack knows its next deadline", `${stack.nextDeadline()} > ${deadline}`);
}

/** The same in segments, where they are counted. */
function recountSegments(tcb: Tcb, fail: Fail): void {
  const { board } = tcb;
  if (tcb.state & (SYN_SENT | SYN_RECEIVED)) return;
  const { records } = tcb.env;
  const sums = [0, 0, 0, 0];
  for (let r = tcb.board.head; r !== NONE; r = records.next[r]!) {
    const n = records.segments[r]!;
    const flags = records.flags[r]!;
    if (n < 1) fail("a record is a segment at least", `${n}`);
    [n, flags & SACKED && n, flags & LOST && n, flags & RESENT && n].forEach((m, i) => {
      sums[i]! += m;
    });
  }
  // Without SACK duplicates are counted.
  if (!tcb.sackOk) sums[1] = board.sackedOut;
  const kept = [board.packetsOut, board.sackedOut, board.lostOut, board.retransOut];
  if (`${kept}` !== `${sums}`) fail("the sums of segments are right", `${kept}, not ${sums}`);
}

/** The scoreboard's sums against a walk over it. */
function recount(stack: Stack, tcb: Tcb, fail: Fail): void {
  const { snd } = tcb;
  const records = tcb.env.records;
  let at = snd.una;
  let sacked = 0;
  let lost = 0;
  let resent = 0;
  let before = NONE;
  for (let r = tcb.board.head; r !== NONE; r = records.next[r]!) {
    const flags = records.flags[r]!;
    const n = (records.end[r]! - records.start[r]!) | 0;
    if (records.start[r]! !== at || n <= 0)
      fail("the scoreboard has no holes", `${(records.start[r]! - at) | 0}, ${n}`);
    if (records.prev[r]! !== before) fail("the scoreboard is linked both ways", `record ${r}`);
    if (flags & SACKED) sacked += n;
    if (flags & LOST) lost += n;
    if (flags & RESENT) resent += n;
    // Linux believes a second copy in flight until it is told otherwise.
    if (flags & SACKED && flags & LOST) fail("what is SACKed is not lost", `record ${r}`);
    if (flags & HAS_FIN && records.next[r]! !== NONE) fail("nothing follows the FIN", `record ${r}`);
    at = records.end[r]!;
    before = r;
  }
  if (tcb.board.tail !== before) fail("the scoreboard is linked both ways", "tail");
  if (tcb.board.head !== NONE && at !== snd.nxt) fail("the scoreboard ends at SND.NXT", `${(snd.nxt - at) | 0}`);
  if (tcb.board.head === NONE && tcb.outstanding() !== 0) fail("the scoreboard ends at SND.NXT", "it is empty");
  recountSegments(tcb, fail);
  const sums = `${tcb.board.sackedBytes} ${tcb.board.lostBytes} ${tcb.board.resentBytes}`;
  if (sums !== `${sacked} ${lost} ${resent}`)
    fail("the scoreboard's sums are right", `${sums}, not ${sacked} ${lost} ${resent}`);
  if (tcb.inFlight() < 0) fail("nobody owes the network octets", `${tcb.inFlight()}`);
  if (stack.recordsInUse > stack.limits.records) fail("limits hold", `${stack.recordsInUse} records`);
}
