/** Many connections at once of a service: who is there, what is said of each, and how many failed. */

import { bytesText, counted, rateText } from "#observe/units";
import type { ConnectionError } from "#socket/connection-error";
import type { SocketHandlers } from "#socket/types";
import type { Endpoint } from "./endpoint.ts";
import { transferFailure } from "./failure.ts";
import { agreedText, summaryFacts, summaryLines } from "./figures.ts";
import { IdleCollection } from "./idle-collection.ts";
import type { Served, ServiceWatcher } from "./served.ts";
import { handlersOf, type ServiceOfMany } from "./service.ts";
import type { Carrier } from "./shutdown.ts";
import { redraws } from "./terminal.ts";
import type { Voice } from "./voice.ts";

const PROGRESS_MS = 250;
const INTERVAL_MS = 1_000;

/** What the session knows. */
export interface Surroundings {
  readonly endpoint: Endpoint;
  /** Those who are connected: kept here, and ended by signals. */
  readonly active: Set<Carrier>;
  /** A signal came, or the device is gone: nobody is told of each connection, and nobody is waited for. */
  readonly isEnding: () => boolean;
  /** A signal came. */
  readonly isAsked: () => boolean;
  /** The last connection ended. */
  readonly onIdle: () => void;
}

export class ServeMany implements ServiceWatcher {
  readonly handlers: SocketHandlers;
  served = 0;
  /** Of those served, the ones that did not end in order. */
  failed = 0;
  readonly #voice: Voice;
  readonly #about: Surroundings;
  readonly #active: Set<Carrier>;
  readonly #timer: NodeJS.Timeout | undefined;
  /** Octets of connections that are over. */
  #sent = 0;
  #received = 0;
  #idle: (() => void) | null = null;
  readonly #collection = new IdleCollection();

  constructor(service: ServiceOfMany, voice: Voice, about: Surroundings) {
    this.#voice = voice;
    this.#about = about;
    this.#active = about.active;
    this.handlers = handlersOf(service, this);
    if (voice.manner === "json") this.#timer = setInterval(() => this.#tellIntervals(), INTERVAL_MS);
    else if (voice.manner === "plain" && redraws()) this.#timer = this.#showProgress();
    this.#timer?.unref();
  }

  /**
   * Serves until `stopped` resolves, then until nobody is connected any more. Throws what `nobodyCame` makes where nobody has connected
   * within `timeout`, µs.
   */
  async run(
    stopped: Promise<void>,
    timeout: number | undefined,
    nobodyCame: (timeout: number) => Error,
  ): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(() => this.served === 0 && late.reject(nobodyCame(timeout)), timeout / 1000);
    try {
      await Promise.race([stopped, late.promise]);
      if (this.#active.size > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    } finally {
      clearTimeout(timer);
      clearInterval(this.#timer);
      this.#collection.stop();
      this.#voice.progress("");
    }
  }

  opened(served: Served): void {
    this.#active.add(served);
    this.served++;
    this.#collection.opened();
    const { socket } = served;
    const voice = this.#voice;
    const [tells, tellsAgreed] = [voice.admits("open"), voice.admits("agreed")];
    if (!tells && !tellsAgreed) return;
    const { id, agreed, localAddress: local, remoteAddress: remote } = socket;
    if (tells) voice.tell("open", { local, remote, connection: id, ...agreed }, `open ${local} ⇄ ${remote}`);
    if (tellsAgreed && agreed !== null) voice.tell("agreed", {}, `· ${agreedText(agreed)}`);
  }

  closed(served: Served, error: ConnectionError | null): void {
    this.#active.delete(served);
    this.#sent += served.sent.bytes;
    this.#received += served.received.bytes;
    this.#tellEnd(served, error === null ? "closed by both sides" : "ended early");
    if (error !== null) this.#noteFailure(error);
    this.#collection.ended(this.#active.size === 0);
    if (this.#active.size > 0) return;
    this.#about.onIdle();
    this.#idle?.();
  }

  #tellEnd({ socket, sent, received }: Served, how: string): void {
    const voice = this.#voice;
    const words = this.#about.isAsked() ? "ended by this side" : how;
    if (voice.admits("end")) {
      voice.tell("end", { connection: socket.id, remote: socket.remoteAddress }, words);
    }
    if (!voice.admits("summary")) return;
    const info = socket.info();
    const out = sent.acknowledged(info.bytesAcked);
    voice.tellLines("summary", summaryFacts(info, out, received), summaryLines(info, out, received));
  }

  #noteFailure(error: ConnectionError): void {
    // A signal ended it.
    if (this.#about.isAsked()) return;
    this.failed++;
    // What ends all of them is told once, at the end.
    if (this.#about.isEnding() || error.code === "ENETDOWN") return;
    const kind = error.code === "ECONNRESET" ? "reset" : error.code === "ETIMEDOUT" ? "silent" : "failed";
    if (this.#voice.admitsWarning(kind)) this.#voice.tellWarning(transferFailure(error, this.#about.endpoint));
  }

  /** Programs get the figures of each connection once a second, as far as a crowd's may be told. */
  #tellIntervals(): void {
    for (const served of this.#active as Set<Served>) {
      if (!this.#voice.admits("interval")) continue;
      const { socket, sent, received } = served;
      const info = socket.info();
      const out = sent.acknowledged(info.bytesAcked);
      this.#voice.tell("interval", summaryFacts(info, out, received), served.figures());
    }
  }

  /** All of them in one line at the bottom of the terminal. */
  #showProgress(): NodeJS.Timeout {
    let before = { sent: 0, received: 0, at: performance.now() };
    return setInterval(() => {
      const now = performance.now();
      let [sent, received] = [this.#sent, this.#received];
      for (const each of this.#active as Set<Served>) {
        sent += each.sent.bytes;
        received += each.received.bytes;
      }
      const rate = (bytes: number, earlier: number) => rateText(((bytes - earlier) * 8_000) / (now - before.at));
      const line = [
        counted(this.#active.size, "connection"),
        `out ${bytesText(sent)} ${rate(sent, before.sent)}`,
        `in ${bytesText(received)} ${rate(received, before.received)}`,
      ];
      before = { sent, received, at: now };
      this.#voice.progress(this.#active.size === 0 ? "" : line.join("   "));
    }, PROGRESS_MS);
  }
}
