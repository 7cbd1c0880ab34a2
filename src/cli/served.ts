import type { ConnectionError } from "#socket/connection-error";
import type { Socket } from "#socket/types";
import { figuresText } from "./figures.ts";
import { Flow } from "./pump.ts";

/** One connection of a service: what it has carried, and how it is ended from outside. */
export class Served {
  readonly socket: Socket;
  readonly sent = new Flow();
  readonly received = new Flow();
  /** Something is being sent of which a part is useless. */
  isCutShort: boolean;

  constructor(socket: Socket, isCutShort: boolean) {
    this.socket = socket;
    this.isCutShort = isCutShort;
  }

  /** Nothing waits that would have to be told. */
  interrupt(): void {}

  figures(): string {
    const info = this.socket.info();
    return figuresText(info, this.sent.acknowledged(info.bytesAcked), this.received);
  }
}

/** Whom a service tells of its connections. */
export interface ServiceWatcher {
  opened(served: Served): void;
  /** @param error null after an orderly end. */
  closed(served: Served, error: ConnectionError | null): void;
}
