/** Ends connections on signals: Ctrl-C closes them in order within a time limit; Ctrl-C again and SIGTERM reset them. */
import { bytesText, counted } from "#observe/units";
import type { Socket } from "#socket/types";
import { EXIT_SIGINT } from "./exit-codes.ts";
import type { Voice } from "./voice.ts";

/** How long the other side may take to close its direction, ms. */
const CLOSE_WITHIN_MS = 10_000;

/** A connection that signals can end. */
export interface Carrier {
  readonly socket: Socket;
  /** What the application has received. */
  readonly received: { readonly bytes: number };
  /** After an orderly end the peer would believe that it has the whole data. */
  readonly isCutShort: boolean;
  /** The remaining data need not be transferred. */
  interrupt(): void;
  /** One line of numbers. */
  figures(): string;
}

export class Shutdown {
  /** The exit code after a signal; 0: no signal came. */
  asked = 0;
  readonly #voice: Voice;
  readonly #active: ReadonlySet<Carrier>;
  #timer: NodeJS.Timeout | undefined;

  constructor(voice: Voice, active: ReadonlySet<Carrier>) {
    this.#voice = voice;
    this.#active = active;
  }

  /** The first Ctrl-C: written data is delivered, then the FIN; the other side gets some time to close its direction. */
  close(): void {
    this.asked = EXIT_SIGINT;
    const closing = [...this.#active].filter((each) => this.#closeOne(each));
    if (closing.length === 0) {
      if (this.#active.size === 0) this.#voice.event("interrupted", {}, "· stopped: nobody was connected");
      return;
    }
    const queued = closing.reduce((sum, { socket }) => sum + socket.info().sendQueue, 0);
    const first = queued > 0 ? `${bytesText(queued)} must still be delivered, then FIN` : "FIN sent";
    const many = closing.length > 1 ? ` on ${closing.length} connections` : "";
    const wait = `waiting up to ${CLOSE_WITHIN_MS / 1000} s for the other side to close`;
    const facts = { connections: closing.length, queued, seconds: CLOSE_WITHIN_MS / 1000 };
    this.#voice.event("interrupted", facts, `· ${first}${many}; ${wait}; Ctrl-C again resets`);
    this.#timer = setTimeout(() => this.#late(), CLOSE_WITHIN_MS);
  }

  /** Resets all connections. */
  abort(code: number): void {
    this.asked = code;
    for (const each of this.#active) reset(each);
  }

  /** Stops all waiting. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** Whether the other side has to close, too. */
  #closeOne(carrier: Carrier): boolean {
    const { socket, isCutShort } = carrier;
    carrier.interrupt();
    if (isOver(carrier)) return false;
    if (socket.state === "SYN-SENT" || isCutShort) {
      if (socket.state !== "SYN-SENT") this.#tellReset("not all of it was sent yet");
      socket.abort();
      return false;
    }
    void socket.close();
    if (socket.state !== "CLOSED") return true;
    this.#tellReset("the other side was still sending");
    return false;
  }

  #tellReset(why: string): void {
    this.#voice.event("interrupted", { why }, `· ${why}: sending RST, so that the other side notices`);
  }

  #late(): void {
    const late = [...this.#active].filter((each) => !isOver(each));
    if (late.length === 0) return;
    const who =
      late.length === 1 ? "the other side has" : `the other sides of ${counted(late.length, "connection")} have`;
    this.#voice.event(
      "close-timeout",
      { connections: late.length },
      `· ${who} not closed within ${CLOSE_WITHIN_MS / 1000} s: reset`,
    );
    for (const each of late) reset(each);
  }
}

/** A connection that has ended in order needs no RST and must not be reported as aborted. */
function reset(carrier: Carrier): void {
  carrier.interrupt();
  if (!isOver(carrier)) carrier.socket.abort();
}

function isOver({ socket }: Carrier): boolean {
  return socket.state === "TIME-WAIT" || socket.state === "CLOSED";
}
