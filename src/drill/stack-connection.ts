import type { Stack } from "#stack/stack";
import { markUrgent } from "#tcp/calls";
import { errorName, OK } from "#tcp/error";
import { CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, LAST_ACK, stateName, TIME_WAIT } from "#tcp/state";
import { T_KEEPALIVE, type Tcb } from "#tcp/tcb";
import type { EngineConnection, SettingValue, StateName } from "./engine.ts";
import { controlOf, optionParams } from "./stack-settings.ts";
import { symbol } from "./symbols.ts";

/** A connection of the real stack, in the socket API's terms. */
export class StackConnection implements EngineConnection {
  /** The script has a descriptor for it. */
  held = true;
  readonly #stack: Stack;
  readonly #tcb: Tcb;
  #errorTaken = false;
  #corked = false;

  constructor(stack: Stack, tcb: Tcb) {
    this.#stack = stack;
    this.#tcb = tcb;
  }

  get localPort(): number {
    return this.#tcb.localPort;
  }

  get remotePort(): number {
    return this.#tcb.remotePort;
  }

  state(): StateName {
    return stateName(this.#tcb.state);
  }

  send(bytes: Uint8Array, flags: { readonly more: boolean; readonly urgent: boolean }, now: number): number {
    this.#tcb.snd.cork = this.#corked || flags.more;
    const taken = Math.max(0, this.#stack.send(this.#tcb, bytes, 0, bytes.length, now));
    if (flags.urgent && taken === bytes.length) markUrgent(this.#tcb);
    this.#stack.touch(this.#tcb);
    return taken;
  }

  space(): number {
    return Math.max(0, this.#tcb.params.sendBuffer - this.#tcb.snd.queued);
  }

  receive(into: Uint8Array, peek: boolean): number {
    if (!peek) return this.#stack.receive(this.#tcb, into, 0, into.length);
    const n = Math.min(into.length, this.readable());
    this.#tcb.receiveQueue.read(0, into, 0, n);
    return n;
  }

  readable(): number {
    return this.#tcb.rcv.unread;
  }

  unacknowledged(): number {
    return this.#tcb.snd.queued;
  }

  unsent(): number {
    const { snd } = this.#tcb;
    return Math.max(0, snd.queued + Number(snd.finSent) - this.#tcb.outstanding());
  }

  finished(): boolean {
    return (this.#tcb.state & (CLOSE_WAIT | CLOSING | LAST_ACK | TIME_WAIT | CLOSED)) !== 0;
  }

  error(): string | undefined {
    return this.#tcb.error === OK || this.#errorTaken ? undefined : errorName(this.#tcb.error);
  }

  takeError(): string | undefined {
    const error = this.error();
    if (error) this.#errorTaken = true;
    return error;
  }

  /** A direction that nobody reads is still received: what Linux does after SHUT_RD. */
  shutdownRead(): void {}

  shutdownWrite(now: number): void {
    this.#stack.closeSend(this.#tcb, now);
  }

  close(now: number): void {
    this.held = false;
    this.#stack.close(this.#tcb, now);
    this.#stack.release(this.#tcb);
  }

  abort(now: number): void {
    this.held = false;
    this.#stack.abort(this.#tcb, now);
    this.#stack.release(this.#tcb);
  }

  setOption(name: string, value: SettingValue, now: number): boolean {
    const tcb = this.#tcb;
    const params = optionParams(name, value);
    if (!params) return false;
    Object.assign(tcb.params, params);
    if (params.receiveBuffer !== undefined) tcb.rcv.capacity = params.receiveBuffer;
    if (params.quickAcks !== undefined) tcb.quickAcks = params.quickAcks;
    if (name === "TCP_CORK") {
      this.#corked = value !== 0;
      tcb.snd.cork = this.#corked;
    }
    if (name === "SO_KEEPALIVE" && tcb.state & (ESTABLISHED | CLOSE_WAIT)) {
      tcb.timers[T_KEEPALIVE] = value === 0 ? Number.POSITIVE_INFINITY : now + tcb.params.keepAliveIdle;
    }
    if (name === "TCP_KEEPIDLE" && tcb.params.keepAlive) tcb.timers[T_KEEPALIVE] = now + tcb.params.keepAliveIdle;
    const control = controlOf(params);
    if (control) tcb.congestion = control;
    this.#stack.touch(tcb);
    return true;
  }

  option(name: string): SettingValue | undefined {
    const { params, snd } = this.#tcb;
    const values: Readonly<Record<string, () => SettingValue>> = {
      TCP_MAXSEG: () => snd.mss,
      TCP_NODELAY: () => Number(params.nagle === "off"),
      TCP_CORK: () => Number(this.#corked),
      TCP_KEEPIDLE: () => params.keepAliveIdle / 1e6,
      TCP_KEEPINTVL: () => params.keepAliveInterval / 1e6,
      TCP_KEEPCNT: () => params.keepAliveCount,
      TCP_USER_TIMEOUT: () => params.userTimeout / 1e3,
      TCP_LINGER2: () => params.finWait2 / 1e6,
      TCP_CONGESTION: () => (this.#tcb.congestion.name === "newreno" ? "reno" : this.#tcb.congestion.name),
      SO_KEEPALIVE: () => Number(params.keepAlive),
      SO_SNDBUF: () => params.sendBuffer,
      IP_TOS: () => params.tos,
      IP_TTL: () => params.ttl,
    };
    return values[name]?.();
  }

  info(now: number): Readonly<Record<string, number>> {
    const tcb = this.#tcb;
    const i = this.#stack.info(tcb);
    const segments = (octets: number) => Math.ceil(octets / i.mss);
    const elapsed = (since: number) => Math.floor((now - since) / 1_000);
    const options = Number(i.timestamps) | (Number(i.sack) << 1) | (Number(i.sndWscale >= 0) << 2);
    return {
      tcpi_state: LINUX_STATES[i.state]!,
      tcpi_ca_state: ["open", "disorder", "cwr", "recovery", "loss"].indexOf(i.phase),
      tcpi_retransmits: i.backoff,
      tcpi_backoff: i.backoff,
      tcpi_probes: tcb.probes,
      tcpi_options: options,
      tcpi_snd_wscale: Math.max(0, i.sndWscale),
      tcpi_rcv_wscale: Math.max(0, i.rcvWscale),
      tcpi_rto: i.rto,
      tcpi_snd_mss: i.mss,
      tcpi_unacked: segments(Math.max(0, tcb.outstanding())),
      tcpi_sacked: segments(i.sacked),
      tcpi_lost: segments(i.lost),
      tcpi_last_data_sent: elapsed(tcb.lastSendTime),
      tcpi_last_data_recv: elapsed(tcb.lastReceiveTime),
      tcpi_last_ack_recv: elapsed(tcb.lastAckTime),
      tcpi_rtt: i.rtt,
      tcpi_rttvar: i.rttvar,
      tcpi_min_rtt: i.minRtt,
      tcpi_snd_ssthresh: i.ssthresh >= 0x7fffffff ? 0x7fffffff : Math.floor(i.ssthresh / i.mss),
      tcpi_snd_cwnd: Math.floor(i.cwnd / i.mss),
      tcpi_total_retrans: i.retransTotal,
      tcpi_bytes_acked: i.bytesAcked,
      tcpi_bytes_received: i.bytesReceived,
      tcpi_bytes_sent: i.bytesSent,
      tcpi_bytes_retrans: i.bytesRetrans,
      tcpi_segs_out: i.segsOut,
      tcpi_segs_in: i.segsIn,
      tcpi_data_segs_out: i.dataSegsOut,
      tcpi_data_segs_in: i.dataSegsIn,
      tcpi_notsent_bytes: this.unsent(),
      tcpi_snd_wnd: i.sndWnd,
      tcpi_rcv_wnd: i.rcvWnd,
      tcpi_rcv_ooopack: i.outOfOrderReceived,
    };
  }
}

const LINUX_STATES: Readonly<Record<StateName, number>> = {
  ESTABLISHED: symbol("TCP_ESTABLISHED")!,
  "SYN-SENT": symbol("TCP_SYN_SENT")!,
  "SYN-RECEIVED": symbol("TCP_SYN_RECV")!,
  "FIN-WAIT-1": symbol("TCP_FIN_WAIT1")!,
  "FIN-WAIT-2": symbol("TCP_FIN_WAIT2")!,
  "TIME-WAIT": symbol("TCP_TIME_WAIT")!,
  CLOSED: symbol("TCP_CLOSE")!,
  "CLOSE-WAIT": symbol("TCP_CLOSE_WAIT")!,
  "LAST-ACK": symbol("TCP_LAST_ACK")!,
  LISTEN: symbol("TCP_LISTEN")!,
  CLOSING: symbol("TCP_CLOSING")!,
};
