import {
  acksQuickly,
  awaitWriter,
  hasClosed,
  hasReceivedAll,
  isEarly,
  readable,
  unacknowledged,
  unsent,
  urgentLeft,
} from "#stack/connection";
import type { Stack } from "#stack/stack";
import { ECONNRESET, errorName, OK } from "#tcp/words/error";
import { SEND_MORE, SEND_RECORD, SEND_URGENT } from "#tcp/words/send-flags";
import { stateName } from "#tcp/words/state";
import type { Tcb } from "#tcp/words/tcb";
import type {
  MachineSocket,
  Profile,
  SendFlags,
  SettingValue,
  StateName,
  TargetConnection,
} from "../../posix/target.ts";
import { tcpInfo } from "./info.ts";
import { freeBsdInfo } from "./info-freebsd.ts";
import { optionOf, optionParams } from "./settings.ts";

/** Linux's names of congestion controls, where they differ from ours. */
const CONTROL_NAMES: Readonly<Record<string, string>> = { newreno: "reno", bbr1: "bbr" };

/** A connection of the real stack, with the socket API's terms. */
export class StackConnection implements TargetConnection {
  /** Whether the script has a descriptor for it. */
  held = true;
  /** Whether a packet of the peer had an ECN codepoint. */
  ecnSeen = false;
  readonly #stack: Stack;
  readonly #tcb: Tcb;
  readonly #profile: Profile;
  #errorTaken = false;
  #softTaken = 0;
  #corked = false;
  #early = 0;

  constructor(stack: Stack, tcb: Tcb, profile: Profile) {
    this.#stack = stack;
    this.#tcb = tcb;
    this.#profile = profile;
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

  /** The connection's entry in a list of sockets. */
  summary(): MachineSocket {
    const { localPort, remotePort } = this;
    return { state: this.state(), localPort, remotePort, receiveQueue: this.readable(), sendQueue: 0 };
  }

  send(bytes: Uint8Array, flags: SendFlags, now: number): number {
    const record = flags.endOfRecord ? SEND_RECORD : 0;
    const how = (flags.more ? SEND_MORE : 0) | record | (flags.urgent ? SEND_URGENT : 0);
    return Math.max(0, this.#stack.send(this.#tcb, bytes, 0, bytes.length, now, how));
  }

  /** Queues as much data as fits into the SYN, which is sent at the next poll. */
  sendEarly(bytes: Uint8Array, room: number, now: number): void {
    this.#early = Math.max(0, this.#stack.send(this.#tcb, bytes, 0, Math.min(bytes.length, room), now));
  }

  early(): number {
    return this.#early;
  }

  opensFast(): boolean {
    return isEarly(this.#tcb);
  }

  writable(): boolean {
    return this.#stack.writable(this.#tcb);
  }

  receive(into: Uint8Array, peek: boolean): number {
    if (peek) return this.#stack.peek(this.#tcb, into, 0, into.length);
    return this.#stack.receive(this.#tcb, into, 0, into.length);
  }

  readable(): number {
    return readable(this.#tcb);
  }

  unacknowledged(): number {
    return unacknowledged(this.#tcb);
  }

  unsent(): number {
    return unsent(this.#tcb);
  }

  finished(): boolean {
    return hasReceivedAll(this.#tcb);
  }

  awaitsWriter(): void {
    awaitWriter(this.#tcb);
  }

  urgentAt(): number | undefined {
    const left = urgentLeft(this.#tcb);
    return left === undefined ? undefined : left - 1;
  }

  error(): string | undefined {
    const { error } = this.#tcb;
    if (error === OK || this.#errorTaken) return undefined;
    return this.#profile === "linux" && error === ECONNRESET && this.finished() && !hasClosed(this.#tcb)
      ? "EPIPE"
      : errorName(error);
  }

  takeError(): string | undefined {
    const error = this.error();
    if (error) this.#errorTaken = true;
    return error;
  }

  takeSoftError(): string | undefined {
    const { softError } = this.#tcb;
    if (softError === 0 || softError === this.#softTaken) return undefined;
    this.#softTaken = softError;
    return errorName(softError);
  }

  /** Does nothing: after SHUT_RD, Linux still receives data. */
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
    let params = optionParams(name, value, this.#profile);
    if (!params) return false;
    // 0 restores the system's default.
    if (name === "TCP_NOTSENT_LOWAT" && value === 0) params = { notSentLowWater: this.#stack.params.notSentLowWater };
    this.#stack.setParams(this.#tcb, params, now);
    if (name === "TCP_CORK" || name === "TCP_NOPUSH") {
      this.#corked = value !== 0;
      this.#stack.cork(this.#tcb, this.#corked, now);
    }
    if (name === "TCP_QUICKACK") this.#stack.quickAck(this.#tcb, value !== 0);
    return true;
  }

  option(name: string): SettingValue | undefined {
    const { params } = this.#tcb;
    const info = () => this.#stack.info(this.#tcb);
    const values: Readonly<Record<string, () => SettingValue>> = {
      TCP_MAXSEG: () =>
        /^(CLOSED|SYN-SENT)$/.test(this.state())
          ? params.mss || 536
          : this.#profile === "freebsd"
            ? info().mssBase
            : info().mss,
      TCP_NODELAY: () => Number(params.nagle === "off"),
      TCP_CORK: () => Number(this.#corked),
      TCP_NOPUSH: () => Number(this.#corked),
      TCP_QUICKACK: () => Number(acksQuickly(this.#tcb)),
      TCP_CONGESTION: () => CONTROL_NAMES[info().congestionControl] ?? info().congestionControl,
      SO_SNDBUF: () => params.sendBuffer,
      IP_MTU: () => this.info(0).tcpi_pmtu!,
      IPV6_MTU: () => this.info(0).tcpi_pmtu!,
    };
    if (name === "SO_KEEPALIVE" && this.#profile === "freebsd") return undefined;
    return values[name]?.() ?? optionOf(name, params);
  }

  info(now: number): Readonly<Record<string, number>> {
    if (this.#profile === "freebsd") return freeBsdInfo(this.#stack, this.#tcb, now);
    return tcpInfo(this.#stack, this.#tcb, this.ecnSeen, now);
  }
}
