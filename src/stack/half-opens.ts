import { Address } from "#ip/address";
import { type CongestionControl, congestionControl } from "#tcp/congestion/congestion";
import { haveSameNumbers, type Slot, slotsOf } from "#tcp/words/dormant";
import { clear, HalfOpenRows } from "#tcp/words/half-open";
import type { TcpParams } from "#tcp/words/params";
import { NO_ROW, type Rows } from "#tcp/words/rows";
import { type Ends, Tcb, type TcpEnv } from "#tcp/words/tcb";
import { NO_FAST_OPEN } from "#tcp/words/variables";

const NOWHERE: Ends = { local: Address.v4(0), localPort: 0, remote: Address.v4(0), remotePort: 0 };

/** TCBs kept for SYNs and for the third steps of handshakes. */
const FREE_MAX = 64;

/**
 * The half-open connections. As soon as the SYN,ACK of one has been sent, a row of numbers takes its place; when a segment, the timer or a
 * call comes, it gets a TCB, which is that of the connection if the segment completes the handshake.
 */
export class HalfOpens {
  readonly #rows = new HalfOpenRows(controlOf);
  readonly #env: TcpEnv;
  /** TCBs that are like new, except for what a row stores. */
  readonly #free: Tcb[] = [];
  /** Those whose TCB somebody asked for. If nothing happens to one, a row takes its place again before the next poll. */
  readonly restored: Tcb[] = [];
  /** To compare with; made when it is first needed. */
  #twin: Tcb | null = null;
  #slots: readonly Slot[] = [];

  constructor(env: TcpEnv) {
    this.#env = env;
  }

  get rows(): Rows {
    return this.#rows.rows;
  }

  /**
   * Stores a half-open connection in a row, which is returned; its TCB serves other connections from now on. NO_ROW if something happened to the
   * connection that a row cannot express.
   */
  pack(tcb: Tcb): number {
    if (tcb.fast !== NO_FAST_OPEN || tcb.user !== null) return NO_ROW;
    const row = this.#rows.pack(tcb);
    if (row === NO_ROW) return NO_ROW;
    if (!isUntouched(tcb) && !this.#isWhole(row, tcb)) {
      this.#rows.release(row);
      return NO_ROW;
    }
    this.#env.records.park(tcb.board.head);
    if (this.#free.length < FREE_MAX) this.#free.push(tcb);
    return row;
  }

  /** A TCB for the connection of a row, which is free then. */
  unpack(row: number): Tcb {
    const tcb = this.#free.pop() ?? this.#make(this.#rows.paramsOf(row));
    this.#rows.restore(row, tcb);
    this.restored.push(tcb);
    return tcb;
  }

  /** A TCB like new for a new connection, or null if there is none. */
  take(params: Readonly<TcpParams>, ends: Ends, id: number): Tcb | null {
    const tcb = this.#free.pop();
    if (tcb === undefined) return null;
    clear(tcb);
    tcb.become(params, controlOf(params), id, ends);
    return tcb;
  }

  /** Whether the row has every number of this connection that differs from a new TCB's. */
  #isWhole(row: number, tcb: Tcb): boolean {
    this.#twin ??= this.#make(tcb.params);
    if (this.#slots.length === 0) this.#slots = slotsOf(this.#twin);
    this.#rows.copy(row, this.#twin, tcb.board.head);
    const same = tcb.congestion === this.#twin.congestion && haveSameNumbers(this.#slots, this.#twin, tcb);
    this.#twin.listener = null;
    return same;
  }

  #make(params: Readonly<TcpParams>): Tcb {
    return new Tcb(this.#env, params, controlOf(params), 0, NOWHERE);
  }
}

function controlOf({ congestionControl: name }: Readonly<TcpParams>): CongestionControl {
  return congestionControl(name);
}

/** Whether nothing has happened to the connection but its SYN and our SYN,ACK: of that a row has everything. */
function isUntouched(tcb: Tcb): boolean {
  if (tcb.segmentsIn !== 0 || tcb.segmentsOut !== 1 || tcb.retries + tcb.deferredTimeouts !== 0) return false;
  return tcb.softError === 0 && tcb.path.claim === 0 && tcb.params === tcb.listener!.params;
}
