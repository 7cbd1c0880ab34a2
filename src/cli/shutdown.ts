/** How connections are ended from outside: Ctrl-C closes them in order within a bound; Ctrl-C again and SIGTERM reset them. */
import { bytesText, counted } from "#observe/units";
import type { Socket } from "#socket/types";
import { EXIT_SIGINT } from "./exit-codes.ts";
import type { Voice } from "./voice.ts";

/** How long the other side may take to close its direction, ms. */
const CLOSE_WITHIN_MS = 10_000;

/** A connection that can be ended from outside. */
export interface Carrier {
  readonly socket: Socket;
  /** An orderly end now would make the peer believe that it has all of something. */
  readonly isCutShort: boolean;
  /** What is left to carry does not matter any more. */
  interrupt(): void;
  /** One line of numbers. */
  figures(): string;
}

export class Shutdown {
  /** The exit code that a signal asked for; 0: none did. */
  asked = 0;
  readonly #voice: Voice;
  readonly #active: ReadonlySet<Carrier>;
  #timer: NodeJS.Timeout | undefined;

  constructor(voice: Voice, active: ReadonlySet<Carrier>) {
    this.#voice = voice;
    this.#active = active;
  }

  /** The first Ctrl-C: what was written is delivered, then the FIN; the other side gets some time to close its direction. */
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

  /** RST to everybody who is connected. */
  abort(code: number): void {
    this.asked = code;
    for (const each of this.#active) reset(each);
  }

  /** Nothing is waited for any more. */
  end(): void {
    clearTimeout(this.#timer);
  }

  /** True if the other side has to close, too. */
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

/** One that is over in order needs no RST, and shall not be told as aborted. */
function reset(carrier: Carrier): void {
  carrier.interrupt();
  if (!isOver(carrier)) carrier.socket.abort();
}

function isOver({ socket }: Carrier): boolean {
  return socket.state === "TIME-WAIT" || socket.state === "CLOSED";
}
