/** One connection from its handshake to its end: transfers its data and prints its messages. */

import type { Socket } from "#socket/types";
import type { Role } from "./endpoint.ts";
import type { Ends } from "./ends.ts";
import { agreedText, figuresText, summaryFacts, summaryLines } from "./figures.ts";
import { KnownSink, KnownSource } from "./known-data.ts";
import { DISCARD, echo, Flow, receive, type Sink, type Source, send, sendPattern } from "./pump.ts";
import type { Service } from "./session-options.ts";
import { shownBeside } from "./terminal.ts";
import { EVERY_SECOND, type Intervals, showProgress } from "./transfer-progress.ts";
import type { Voice } from "./voice.ts";

const NEWLINE = 10;

export class Conversation {
  readonly socket: Socket;
  readonly sent = new Flow();
  readonly received = new Flow();
  readonly #voice: Voice;
  /** Resolves when the remaining data need not be transferred. */
  readonly interrupted: Promise<void>;
  readonly interrupt: () => void;
  #stopped = false;
  /** Whether the data being sent is useless in part: a file, or a given number of bytes of a pattern. */
  #sendingWhole = false;

  readonly #intervals: Intervals;

  constructor(socket: Socket, voice: Voice, intervals: Intervals = EVERY_SECOND) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.interrupted = promise;
    this.interrupt = () => {
      this.#stopped = true;
      resolve();
    };
    this.socket = socket;
    this.#voice = voice;
    this.#intervals = intervals;
  }

  /**
   * Waits for the handshake, transfers everything in both directions, and waits for the orderly end. Rejects as the socket does.
   * @param early begin before the handshake is complete, to send data with the SYN and to answer a SYN's data
   */
  async run(service: Service, ends: Ends, early: boolean): Promise<void> {
    const { socket } = this;
    const begun = early ? this.#carry(service, ends) : null;
    // The error is reported below.
    begun?.catch(() => {});
    const info = await socket.opened;
    const facts = { local: socket.localAddress, remote: socket.remoteAddress, connection: socket.id, ...info };
    this.#voice.event("open", facts, `open ${socket.localAddress} ⇄ ${socket.remoteAddress}`);
    this.#voice.event("agreed", {}, `· ${agreedText(info)}`);
    const pipe = service.kind === "pipe";
    if (pipe && ends.typing) this.#voice.event("hint", {}, "· type text; Ctrl-D ends what you send, Ctrl-C closes");
    const { sent, received } = this;
    const transfer = { socket, sent, received, typing: pipe && ends.typing, shown: pipe && ends.shown };
    const stop = showProgress(transfer, this.#voice, this.#intervals);
    try {
      // Reading the keyboard may still be waiting at the end. A reset, or the end after Ctrl-C, must be reported at once.
      await Promise.all([Promise.race([begun ?? this.#carry(service, ends), this.interrupted]), socket.closed]);
    } finally {
      stop();
    }
  }

  /** After an orderly end the peer would believe that it has the whole file. */
  get isCutShort(): boolean {
    return this.#sendingWhole;
  }

  /** Prints the summary, as lines or as JSON. */
  tellSummary(end: string): void {
    const { socket, sent, received } = this;
    const info = socket.info();
    const out = sent.acknowledged(info.bytesAcked);
    this.tellEnd(end);
    this.#voice.lines("summary", summaryFacts(info, out, received), summaryLines(info, out, received));
  }

  tellEnd(end: string): void {
    this.#voice.event("end", { connection: this.socket.id, remote: this.socket.remoteAddress }, end);
  }

  /**
   * TIME-WAIT lives as long as the program. Where packets are lost, the peer's FIN may come again because our last ACK was
   * among them: somebody has to answer it for a while (RFC 9293 §3.6.1).
   * @param impaired the link loses packets on purpose.
   */
  async linger(impaired: boolean): Promise<void> {
    const { state, retransTotal, duplicatesReceived, outOfOrderReceived, rto } = this.socket.info();
    const lossy = impaired || retransTotal + duplicatesReceived + outOfOrderReceived > 0;
    if (state !== "TIME-WAIT" || !lossy) return;
    this.#voice.event("linger", {}, "· staying in TIME-WAIT for a moment: the last ACK may be lost");
    await Promise.race([Bun.sleep(Math.min(Math.max((3 * rto) / 1000, 1_000), 10_000)), this.interrupted]);
  }

  figures(): string {
    const info = this.socket.info();
    return figuresText(info, this.sent.acknowledged(info.bytesAcked), this.received);
  }

  async #carry(service: Service, ends: Ends): Promise<void> {
    const { socket, sent, received } = this;
    switch (service.kind) {
      case "echo":
        return echo(socket, received, sent);
      case "discard":
        return this.#receiveThenClose(DISCARD);
      case "source":
        await Promise.all([this.#sendPattern(service.size), receive(socket, DISCARD, received)]);
        return;
      case "verify":
        return this.#verify(service.size, service.role);
      case "pipe":
        return ends.listenOnly ? this.#receiveThenClose(ends.sink) : this.#exchange(ends);
    }
  }

  async #verify(size: number, role: Role): Promise<void> {
    const other = role === "host" ? "peer" : "host";
    const sink = new KnownSink(other, size);
    const out = this.#send(new KnownSource(role, size), true);
    // If it fails, so does `receive`.
    out.catch(() => {});
    try {
      await receive(this.socket, sink, this.received);
    } catch (error) {
      // Everything came that the other side has sent. If its end is wrong, ours still arrives: a reset could keep the other side from seeing that.
      if (sink.hasEnded) await out.catch(() => {});
      throw error;
    }
    this.#voice.event("verified", { bytes: size }, `· the data of the ${other} arrived complete and unchanged`);
    await out;
  }

  async #exchange({ source, sink, sendsWhole, typing, shown }: Ends): Promise<void> {
    let sending = true;
    const out = this.#send(source(), sendsWhole).then(() => {
      sending = false;
    });
    const back = receive(this.socket, shown ? this.#belowProgress(sink) : sink, this.received).then(() => {
      if (typing && sending && !this.#stopped)
        this.#voice.event("hint", {}, "· the other side has finished; Ctrl-D finishes yours, Ctrl-C closes");
    });
    await Promise.all([out, back]);
  }

  /** @param whole whether a part of it is useless to the peer */
  async #send(source: Source, whole: boolean): Promise<void> {
    this.#sendingWhole = whole;
    await send(this.socket, source, this.sent, this.#written);
  }

  async #sendPattern(size: number): Promise<void> {
    this.#sendingWhole = true;
    await sendPattern(this.socket, size, this.sent, this.#written);
  }

  readonly #written = () => {
    this.#sendingWhole = false;
  };

  /** Clears the progress line before output, and keeps messages off the output's lines. */
  #belowProgress(sink: Sink): Sink {
    return {
      write: async (from, n) => {
        this.#voice.progress("");
        await sink.write(from, n);
        shownBeside(from[n - 1] === NEWLINE);
      },
      end: () => sink.end?.(),
    };
  }

  async #receiveThenClose(sink: Sink): Promise<void> {
    await receive(this.socket, sink, this.received);
    this.socket.closeWrite();
    await this.socket.flushed();
  }
}
