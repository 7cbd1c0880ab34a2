/** One connection from its handshake to its end: what it carries, and what is said of it. */

import { bytesText, rateText, timeText } from "#observe/units";
import type { Socket } from "#socket/types";
import { agreedText, figuresText, summaryFacts, summaryLines } from "./figures.ts";
import { DISCARD, echo, Flow, PatternSource, receive, type Sink, type Source, send } from "./pump.ts";
import type { Service } from "./session-options.ts";
import { redraws } from "./terminal.ts";
import type { Voice } from "./voice.ts";

const PROGRESS_MS = 250;
const INTERVAL_MS = 1000;

/** Where the bytes of a `pipe` come from and go to. */
export interface Ends {
  readonly source: Source;
  readonly sink: Sink;
  /** Our direction closes after the peer's: there is nothing to send. */
  readonly listenOnly: boolean;
  /** A person types and reads here: no line may be redrawn in between. */
  readonly chat: boolean;
}

export class Conversation {
  readonly socket: Socket;
  readonly sent = new Flow();
  readonly received = new Flow();
  readonly #voice: Voice;
  /** Resolves when what is left to carry does not matter any more. */
  readonly #interrupted: Promise<void>;
  readonly interrupt: () => void;

  constructor(socket: Socket, voice: Voice) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#interrupted = promise;
    this.interrupt = resolve;
    this.socket = socket;
    this.#voice = voice;
  }

  /** Waits for the handshake, carries everything both ways, and waits for the orderly end. Rejects as the socket does. */
  async run(service: Service, ends: Ends): Promise<void> {
    const { socket } = this;
    const info = await socket.opened;
    const facts = { local: socket.localAddress, remote: socket.remoteAddress, connection: socket.id, ...info };
    this.#voice.event("open", facts, `open ${socket.localAddress} ⇄ ${socket.remoteAddress}`);
    this.#voice.event("agreed", {}, `· ${agreedText(info)}`);
    const chat = ends.chat && service.kind === "pipe";
    if (chat && !ends.listenOnly)
      this.#voice.event("hint", {}, "· type text; Ctrl-D closes your direction, Ctrl-C ends");
    const stop = this.#showProgress(chat);
    try {
      // A keyboard may be waited for when all else is over: a reset is told at once, and so is the end after Ctrl-C.
      await Promise.all([Promise.race([this.#carry(service, ends), this.#interrupted]), socket.closed]);
    } finally {
      stop();
    }
  }

  /** The last lines, and what a program gets instead. */
  tellSummary(end: string): void {
    const { socket, sent, received } = this;
    const info = socket.info();
    this.#voice.event("end", { connection: socket.id, remote: socket.remoteAddress }, end);
    this.#voice.lines("summary", summaryFacts(info, sent, received), summaryLines(info, sent, received));
  }

  figures(): string {
    return figuresText(this.socket.info(), this.sent, this.received);
  }

  async #carry(service: Service, { source, sink, listenOnly, chat }: Ends): Promise<void> {
    const { socket, sent, received } = this;
    switch (service.kind) {
      case "echo":
        return echo(socket, received, sent);
      case "discard":
        return this.#receiveThenClose(DISCARD);
      case "source":
        await Promise.all([send(socket, new PatternSource(service.size), sent), receive(socket, DISCARD, received)]);
        return;
      case "pipe": {
        if (listenOnly) return this.#receiveThenClose(sink);
        let sending = true;
        const out = send(socket, source, sent).then(() => {
          sending = false;
        });
        const back = receive(socket, sink, received).then(() => {
          if (chat && sending)
            this.#voice.event("hint", {}, "· the other side is done; Ctrl-D closes yours, Ctrl-C ends");
        });
        await Promise.all([out, back]);
      }
    }
  }

  async #receiveThenClose(sink: Sink): Promise<void> {
    await receive(this.socket, sink, this.received);
    this.socket.closeWrite();
    await this.socket.flushed();
  }

  /** A line for long transfers, on a terminal where nobody types, or an event per second for programs; answers how to end it. */
  #showProgress(chat: boolean): () => void {
    const { sent, received, socket } = this;
    if (this.#voice.manner === "json") {
      const tell = () => this.#voice.event("interval", summaryFacts(socket.info(), sent, received), this.figures());
      const timer = setInterval(tell, INTERVAL_MS);
      return () => clearInterval(timer);
    }
    if (chat || !redraws() || this.#voice.manner !== "plain") return () => {};
    let before = { sent: 0, received: 0, at: performance.now() };
    const timer = setInterval(() => {
      const now = performance.now();
      const rate = (bytes: number, earlier: number) => rateText(((bytes - earlier) * 8000) / (now - before.at));
      const { rtt, retransTotal } = socket.info();
      const words = [
        `out ${bytesText(sent.bytes)} ${rate(sent.bytes, before.sent)}`,
        `in ${bytesText(received.bytes)} ${rate(received.bytes, before.received)}`,
        `rtt ${timeText(rtt)}`,
        `${retransTotal} resent`,
      ];
      before = { sent: sent.bytes, received: received.bytes, at: now };
      this.#voice.progress(words.join("   "));
    }, PROGRESS_MS);
    return () => {
      clearInterval(timer);
      this.#voice.progress("");
    };
  }
}
