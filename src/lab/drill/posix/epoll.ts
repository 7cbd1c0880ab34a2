import { symbol } from "../constants/symbols.ts";
import type { Descriptor, Socket } from "./sockets.ts";

/**
 * epoll, as Linux implements it. When a socket wakes, each interest in it is appended to a list; waiting takes the ready interests from the
 * list, and puts level-triggered ones back. So an edge is a wake-up, not a change of the mask.
 */

const bits = (...names: string[]): number => names.reduce((all, name) => (all | symbol(name)!) >>> 0, 0);
/** Events that are reported even if not requested. */
const ALWAYS = bits("EPOLLERR", "EPOLLHUP");
const EDGE = bits("EPOLLET");
const ONCE = bits("EPOLLONESHOT");
const EXCLUSIVE = bits("EPOLLEXCLUSIVE");
const OPTIONS = bits("EPOLLET", "EPOLLONESHOT", "EPOLLEXCLUSIVE", "EPOLLWAKEUP");
const WITH_EXCLUSIVE = bits("EPOLLIN", "EPOLLOUT", "EPOLLERR", "EPOLLHUP", "EPOLLWAKEUP", "EPOLLET", "EPOLLEXCLUSIVE");

/** Keys of wake-ups, which select the interests to wake. */
export const WAKE_ALL = 0;
export const WAKE_READER = bits("EPOLLIN", "EPOLLPRI", "EPOLLRDNORM", "EPOLLRDBAND");
export const WAKE_WRITER = bits("EPOLLOUT", "EPOLLWRNORM", "EPOLLWRBAND");
export const WAKE_ERROR = bits("EPOLLERR");

interface Interest {
  readonly target: Socket;
  mask: number;
  data: number;
}

export interface Happened {
  readonly events: number;
  readonly data: number;
}

export class EpollSocket {
  readonly kind = "epoll";
  readonly #interests = new Map<Socket, Interest>();
  #ready: Interest[] = [];

  /** @param readiness the current events of a socket */
  constructor(readonly readiness: (socket: Socket) => number) {}

  /** Returns the errno of epoll_ctl's failure, or undefined. */
  add(target: Socket, mask: number, data: number): string | undefined {
    if (this.#interests.has(target)) return "EEXIST";
    if (target.kind === "file") return "EPERM";
    if (target === this || ((mask & EXCLUSIVE) !== 0 && (mask & ~WITH_EXCLUSIVE) !== 0)) return "EINVAL";
    const interest = { target, mask, data };
    this.#interests.set(target, interest);
    this.#look(interest);
    return undefined;
  }

  modify(target: Socket, mask: number, data: number): string | undefined {
    const interest = this.#interests.get(target);
    if (!interest) return "ENOENT";
    if (((interest.mask | mask) & EXCLUSIVE) !== 0) return "EINVAL";
    interest.mask = mask;
    interest.data = data;
    this.#look(interest);
    return undefined;
  }

  remove(target: Socket): string | undefined {
    this.#ready = this.#ready.filter((interest) => interest.target !== target);
    return this.#interests.delete(target) ? undefined : "ENOENT";
  }

  /** An event occurred on the socket: wakes the interests in `key`. */
  wake(target: Socket, key: number): void {
    const interest = this.#interests.get(target);
    if (!interest || spent(interest)) return;
    if (key === WAKE_ALL || (key & (interest.mask | ALWAYS)) !== 0) this.#append(interest);
  }

  get anyReady(): boolean {
    return this.#ready.some((interest) => this.#events(interest) !== 0);
  }

  /** Takes ready events, at most `room`. */
  collect(room: number): Happened[] {
    const events: Happened[] = [];
    const again: Interest[] = [];
    while (this.#ready.length > 0 && events.length < room) {
      const interest = this.#ready.shift()!;
      const happened = this.#events(interest);
      if (happened === 0) continue;
      events.push({ events: happened, data: interest.data });
      if (interest.mask & ONCE) interest.mask = (interest.mask & OPTIONS) >>> 0;
      else if ((interest.mask & EDGE) === 0) again.push(interest);
    }
    this.#ready.push(...again);
    return events;
  }

  #events(interest: Interest): number {
    return spent(interest) ? 0 : this.readiness(interest.target) & (interest.mask | ALWAYS);
  }

  #look(interest: Interest): void {
    if (this.#events(interest) !== 0) this.#append(interest);
  }

  #append(interest: Interest): void {
    if (!this.#ready.includes(interest)) this.#ready.push(interest);
  }
}

/** EPOLLONESHOT has reported its event: nothing more is reported until EPOLL_CTL_MOD. */
function spent(interest: Interest): boolean {
  return (interest.mask & ~OPTIONS) === 0 && (interest.mask & ONCE) !== 0;
}

/** Wakes every epoll descriptor that watches the socket. */
export function wake(table: ReadonlyMap<number, Descriptor>, socket: Socket, key: number): void {
  for (const each of table.values()) if (each.kind === "epoll") each.wake(socket, key);
}

/** The descriptor is closed: removes it from every epoll descriptor. */
export function forget(table: ReadonlyMap<number, Descriptor>, socket: Socket): void {
  for (const each of table.values()) if (each.kind === "epoll") each.remove(socket);
}
