import { SECOND } from "#base/time";
import { TokenBucket } from "#icmp/token-bucket";
import type { Limits } from "./limits.ts";

/** The most ports that have tokens of their own at the same time. Further ones share theirs. */
const PORTS_MAX = 16;

/** The tokens of the listeners of one port. */
export class PortTokens {
  /** -1: of those ports for which the table has no room. */
  port = -1;
  /** When a SYN last asked for a token; and until when its SYNs count as a flood, µs. */
  askedAt = Number.NEGATIVE_INFINITY;
  floodedUntil = Number.NEGATIVE_INFINITY;
  readonly strangers: TokenBucket;
  readonly acquaintances: TokenBucket;

  constructor({ answerRate, answerBurst }: Readonly<Limits>) {
    this.strangers = new TokenBucket(answerRate, answerBurst);
    this.acquaintances = new TokenBucket(answerRate, answerBurst);
  }
}

/**
 * The tokens for answers to SYNs, port by port: a flood of one port takes nothing from the others. All flooded ports share the rate, so that
 * the answers cost no more when several ports are flooded.
 */
export class AnswerTokens {
  readonly #limits: Readonly<Limits>;
  /** Entries are made when they are first needed, and used again for other ports. */
  readonly #ports: PortTokens[] = [];
  readonly #others: PortTokens;
  /** After this time without a request, µs, the tokens of a port are all there again: its entry says nothing. */
  readonly #refillTime: number;

  constructor(limits: Readonly<Limits>) {
    this.#limits = limits;
    this.#others = new PortTokens(limits);
    this.#refillTime = (limits.answerBurst / limits.answerRate) * SECOND;
  }

  /** The tokens of a port whose listeners were short of room lately, or null. */
  find(port: number): PortTokens | null {
    for (const each of this.#ports) if (each.port === port) return each;
    return null;
  }

  /** The tokens of a port, for a SYN that needs one. */
  of(port: number, now: number): PortTokens {
    const tokens = this.find(port) ?? this.#claim(port, now);
    tokens.askedAt = now;
    return tokens;
  }

  /** How many ports are flooded now, or would be with this one. */
  parts(tokens: PortTokens, now: number): number {
    let parts = 1;
    for (const each of this.#ports) if (each !== tokens && each.floodedUntil > now) parts++;
    if (this.#others !== tokens && this.#others.floodedUntil > now) parts++;
    return parts;
  }

  #claim(port: number, now: number): PortTokens {
    let tokens = this.#ports.find(
      ({ askedAt, floodedUntil }) => askedAt + this.#refillTime < now && floodedUntil < now,
    );
    if (tokens === undefined) {
      if (this.#ports.length === PORTS_MAX) return this.#others;
      tokens = new PortTokens(this.#limits);
      this.#ports.push(tokens);
    }
    tokens.port = port;
    tokens.strangers.fill(now);
    tokens.acquaintances.fill(now);
    return tokens;
  }
}
