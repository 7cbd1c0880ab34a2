import { numberText } from "#observe/units";

/** Limits of one kind of message that remotes can cause at will. */
interface Kind {
  /** How many are printed at once, and how many per second. */
  readonly burst: number;
  readonly perSecond: number;
  /** The text for those that were only counted; null: none, since another kind has the same number. */
  readonly words: ((n: string, one: boolean) => string) | null;
}

const connections = (what: string): Kind => ({
  burst: 20,
  perSecond: 2,
  words: (n, one) => `${n} more connection${one ? "" : "s"} ${what}`,
});
const steps: Kind = {
  burst: 200,
  perSecond: 50,
  words: (n, one) => `${n} more step${one ? "" : "s"} of connections`,
};

/** By event. Other events are always printed: only this program or its user can cause them. */
const KINDS: Readonly<Record<string, Kind>> = {
  open: connections("opened"),
  agreed: { ...connections(""), words: null },
  end: connections("ended"),
  summary: { ...connections(""), words: null },
  interval: { burst: 100, perSecond: 50, words: (n, one) => `figures of ${n} more connection${one ? "" : "s"}` },
  figures: { burst: 100, perSecond: 50, words: (n, one) => `figures of ${n} more connection${one ? "" : "s"}` },
  waiting: { burst: 20, perSecond: 2, words: null },
  interrupted: connections("interrupted"),
  reset: connections("were reset by their peers"),
  silent: connections("were given up: their peers fell silent"),
  failed: connections("failed"),
  "remote-refused": {
    burst: 10,
    perSecond: 1,
    words: (n, one) => `${n} more ${one ? "SYN" : "SYNs"} from other remotes refused`,
  },
  refused: {
    burst: 10,
    perSecond: 1,
    words: (n, one) =>
      `${n} more ${one ? "SYN" : "SYNs"} refused: no program listens on ${one ? "its port" : "their ports"}`,
  },
  "soft-error": { burst: 10, perSecond: 1, words: (n, one) => `${n} more ICMP error${one ? "" : "s"}` },
  step: steps,
  resent: {
    burst: 20,
    perSecond: 10,
    words: (n, one) => `… ${n} more retransmission${one ? "" : "s"} in this second`,
  },
  packet: { burst: 2000, perSecond: 1000, words: (n, one) => `… ${n} more segment${one ? "" : "s"}; --events has all` },
  decision: { burst: 1000, perSecond: 500, words: (n, one) => `${n} more decision${one ? "" : "s"}; --events has all` },
};

/** How often the counts are printed, ms. */
const TELL_MS = 1_000;

interface Bucket {
  tokens: number;
  /** When the bucket was last filled, ms. */
  at: number;
  untold: number;
}

/**
 * Limits messages that remotes can cause (connections, resets, refused SYNs), so that they cannot flood the terminal: some are printed
 * one by one, the rest is counted and reported once a second in one line.
 */
export class Crowd {
  readonly #tell: (kind: string, count: number, words: string) => void;
  readonly #clock: () => number;
  readonly #buckets = new Map<string, Bucket>();
  #timer: NodeJS.Timeout | undefined;

  /** @param clock ms. */
  constructor(
    tell: (kind: string, count: number, words: string) => void,
    clock: () => number = () => performance.now(),
  ) {
    this.#tell = tell;
    this.#clock = clock;
  }

  /** Whether to print a line of this kind. If not, it has been counted. */
  admits(kind: string): boolean {
    const limits = KINDS[kind];
    if (limits === undefined) return true;
    const bucket = this.#bucket(kind, limits);
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return true;
    }
    this.count(kind, 1);
    return false;
  }

  /** Counts events that are not printed one by one. */
  count(kind: string, n: number): void {
    const limits = KINDS[kind];
    if (limits === undefined || n <= 0) return;
    this.#bucket(kind, limits).untold += n;
    this.#timer ??= setTimeout(() => this.flush(), TELL_MS).unref();
  }

  /** Prints the counts now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [kind, bucket] of this.#buckets) {
      const { untold } = bucket;
      const { words } = KINDS[kind]!;
      bucket.untold = 0;
      if (untold > 0 && words !== null) this.#tell(kind, untold, words(numberText(untold), untold === 1));
    }
  }

  #bucket(kind: string, { burst, perSecond }: Kind): Bucket {
    const now = this.#clock();
    let bucket = this.#buckets.get(kind);
    if (bucket === undefined) this.#buckets.set(kind, (bucket = { tokens: burst, at: now, untold: 0 }));
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
    return bucket;
  }
}
