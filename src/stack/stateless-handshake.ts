/** Sends SYN cookies, and accepts the ACKs that return them (RFC 4987 §3.6; `#tcp/syn-cookies`). */
import { SECOND } from "#base/time";
import type { ReplyQueue } from "#icmp/reply-queue";
import type { IpHeader } from "#ip/header";
import { IpSend } from "#ip/send";
import { defaultMss } from "#tcp/loss/segment-size";
import { prepare, segmentArrives } from "#tcp/machine/arrives";
import { takeSyn } from "#tcp/open/handshake";
import { setInitialSequence, timestampOffset } from "#tcp/open/isn";
import * as cookies from "#tcp/open/syn-cookies";
import { scaleFor, synWindow, unscaledWindow } from "#tcp/receive/announced";
import { receiveBufferAt } from "#tcp/words/buffers";
import * as M from "#tcp/words/marks";
import type { TcpParams } from "#tcp/words/params";
import type { PassiveOpen } from "#tcp/words/passive-open";
import type { Reset } from "#tcp/words/reset";
import type { Segment } from "#tcp/words/segment";
import { SYN_RECEIVED } from "#tcp/words/state";
import { type Ends, setState, type Tcb, type TcpEnv } from "#tcp/words/tcb";
import * as protocol from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { ACK, CWR, ECE, SYN } from "#wire/tcp";
import * as opt from "#wire/tcp-options";
import type { Connections } from "./connections.ts";

/** How long after the last cookie was sent an ACK is checked for a cookie. */
const MEMORY = 128 * SECOND;
/** Room for the options of a SYN,ACK: MSS, SACK permitted and timestamps, window scale. */
const ROOM = tcphdr.HEADER_MIN + 4 + 12 + 4;

export class StatelessHandshake {
  readonly #env: TcpEnv;
  readonly #connections: Connections;
  readonly #replies: ReplyQueue;
  readonly #send = new IpSend();
  /** When the last cookie was sent. */
  #given = Number.NEGATIVE_INFINITY;

  constructor(env: TcpEnv, connections: Connections, replies: ReplyQueue) {
    this.#env = env;
    this.#connections = connections;
    this.#replies = replies;
  }

  /** Whether a SYN for this listener gets a cookie instead of a connection. */
  due(listener: PassiveOpen): boolean {
    const { synCookies } = listener.params.opening;
    return (
      synCookies === "always" || (synCookies === "overflow" && listener.isSynQueueFull && !listener.isAcceptQueueFull)
    );
  }

  /** Answers a SYN with a cookie, without keeping any state. */
  answer(listener: PassiveOpen, ends: Ends, header: IpHeader, seg: Segment, now: number): void {
    const o = this.#replies.room(ROOM);
    if (o < 0) return;
    const { slab, hash, counters } = this.#env;
    const { params } = listener;
    const { options } = seg;
    const { local, localPort, remote, remotePort } = ends;
    const room = this.#connections.paths.pathMss(remote, now);
    const mss = params.mss > 0 ? Math.min(params.mss, room) : room;
    const timestamps = params.timestamps && options.timestamps;
    const agreed = timestamps ? whatIsAgreed(params, seg) : NOTHING;
    const v = slab.view;
    const first = o + tcphdr.HEADER_MIN;
    let at = params.opening.offerMss ? opt.writeMss(v, first, mss) : first;
    if (timestamps) {
      const offset = timestampOffset(hash, local, localPort, remote, remotePort);
      const tsval = cookies.stamp((Math.floor(now / 1000) + offset) | 0, agreed);
      if (agreed.sack) at = opt.writeSackPermittedAndTimestamps(v, at, tsval, options.tsval);
      else at = opt.writeTimestamps(v, at, tsval, options.tsval);
    }
    if (agreed.windowScale >= 0) at = opt.writeWindowScale(v, at, scaleFor(params.receiveBufferMax));
    const iss = cookies.cookie(hash, ends, seg.seq, options.mss > 0 ? options.mss : defaultMss(params, remote), now);
    const flags = SYN | ACK | (agreed.ecn ? ECE : 0);
    const window = unscaledWindow(
      params,
      receiveBufferAt(params.receiveBuffer, params.receiveBufferMax),
      mss,
      timestamps,
    );
    tcphdr.write(v, o, localPort, remotePort, iss, (seg.seq + 1) | 0, at - o, flags, window, 0);
    const send = this.#send;
    send.setSource(header.d0, header.d1, header.d2, header.d3);
    send.setDestination(header.s0, header.s1, header.s2, header.s3);
    send.protocol = protocol.TCP;
    send.tos = 0;
    this.#replies.push(o, at - o, send, M.TX_COOKIE);
    counters.count(M.TX_COOKIE);
    this.#given = now;
  }

  /** The connection for an ACK with one of our cookies, or null if it has none. */
  admit(listener: PassiveOpen, ends: Ends, seg: Segment, now: number, reset: Reset): Tcb | null {
    if (now - this.#given > MEMORY || (seg.ctl & (ACK | SYN)) !== ACK) return null;
    const { hash, counters } = this.#env;
    const iss = (seg.ack - 1) | 0;
    const irs = (seg.seq - 1) | 0;
    const mss = cookies.readCookie(hash, ends, irs, iss, now);
    if (mss === 0) return null;
    if (listener.isAcceptQueueFull || this.#connections.isFull(now)) {
      // The peer will retransmit the ACK with its data, or the data.
      counters.count(this.#connections.refuse(listener, listener.isAcceptQueueFull ? M.RX_BACKLOG : M.RX_LIMIT));
      return null;
    }
    if (this.#connections.isSourceFull(ends.remote)) {
      counters.count(this.#connections.refuse(listener, M.RX_SOURCE_LIMIT));
      return null;
    }
    counters.count(M.RX_COOKIE);
    const tcb = this.#connections.create(listener.params, ends, now);
    tcb.listener = listener;
    tcb.passive = true;
    this.#connections.countSource(tcb);
    listener.halfOpen++;
    prepare(tcb, now);
    setInitialSequence(tcb, iss);
    synAgain(tcb, seg, irs, mss, now);
    tcb.snd.nxt = seg.ack;
    tcb.rcv.adv = (tcb.rcv.nxt + synWindow(tcb, tcb.timestampsOk)) | 0;
    setState(tcb, SYN_RECEIVED, M.GOT_SYN, now);
    // The lowest bits of this timestamp encode options, so it must not be used to measure the RTT.
    seg.options.tsecr = 0;
    segmentArrives(tcb, seg, now, reset);
    this.#connections.touch(tcb);
    return tcb;
  }
}

const NOTHING: cookies.Agreed = { windowScale: -1, sack: false, ecn: false };

function whatIsAgreed(params: Readonly<TcpParams>, seg: Segment): cookies.Agreed {
  const { options } = seg;
  return {
    windowScale: params.windowScale ? options.windowScale : -1,
    sack: params.sack && options.sackPermitted,
    ecn: params.ecn !== "off" && (seg.ctl & (ECE | CWR)) === (ECE | CWR),
  };
}

/** Processes the SYN again, reconstructed from the cookie and the timestamp. Restores the segment afterwards. */
function synAgain(tcb: Tcb, seg: Segment, irs: number, mss: number, now: number): void {
  const { options, seq, ctl } = seg;
  const { mss: before, windowScale, sackPermitted } = options;
  const agreed = options.timestamps ? cookies.readStamp(options.tsecr) : NOTHING;
  seg.seq = irs;
  seg.ctl = SYN | (agreed.ecn ? ECE | CWR : 0);
  options.mss = mss;
  options.windowScale = agreed.windowScale;
  options.sackPermitted = agreed.sack;
  takeSyn(tcb, seg, now);
  tcb.rcv.shift = tcb.windowScaleOk ? scaleFor(tcb.params.receiveBufferMax) : 0;
  seg.seq = seq;
  seg.ctl = ctl;
  options.mss = before;
  options.windowScale = windowScale;
  options.sackPermitted = sackPermitted;
}
