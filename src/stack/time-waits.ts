import { Address } from "#ip/address";
import { congestionControl } from "#tcp/congestion/congestion";
import { Minisocks, REPLACED_BY_ROW } from "#tcp/words/minisock";
import type { TcpParams } from "#tcp/words/params";
import { TIME_WAIT } from "#tcp/words/state";
import { type Ends, Tcb, type TcpEnv } from "#tcp/words/tcb";

const NOWHERE: Ends = { local: Address.v4(0), localPort: 0, remote: Address.v4(0), remotePort: 0 };

/** TCBs kept to stand for connections in TIME-WAIT while something happens to them. */
const STAND_INS_MAX = 64;

/**
 * The connections in TIME-WAIT. As soon as the user has released one and nothing is left to be sent, a row of numbers takes its place; when
 * a segment, the timer or a call comes, a TCB stands in for it until it has nothing to send again.
 */
export class TimeWaits {
  readonly minisocks = new Minisocks();
  readonly #env: TcpEnv;
  /** Those that are free, and all. */
  readonly #standIns: Tcb[] = [];
  readonly #made = new Set<Tcb>();

  constructor(env: TcpEnv) {
    this.#env = env;
  }

  /** How many connections are in TIME-WAIT. */
  get size(): number {
    return this.minisocks.size;
  }

  /** Whether a row may take the place of this connection, which has nothing to send. */
  mayPack(tcb: Tcb): boolean {
    if (tcb.state !== TIME_WAIT || tcb.held || tcb.place.row < 0 || tcb.rcv.unread > 0) return false;
    return !tcb.inOutput && !tcb.inEvents && !tcb.place.waitsForMemory && tcb.rcv.acked === tcb.rcv.nxt;
  }

  /** Stores the connection in its row, which is returned. Nothing that is done to its TCB afterwards has an effect. */
  pack(tcb: Tcb): number {
    const { row } = tcb.place;
    this.minisocks.pack(tcb);
    tcb.place.row = REPLACED_BY_ROW;
    this.retire(tcb);
    return row;
  }

  /** A TCB for the connection of a row. */
  unpack(row: number): Tcb {
    const tcb = this.#standIns.pop() ?? this.#make(this.minisocks.paramsOf(row));
    this.minisocks.unpack(row, tcb);
    return tcb;
  }

  /** The connection needs this TCB no more: it may stand in for another one. */
  retire(tcb: Tcb): void {
    if (this.#made.has(tcb)) this.#standIns.push(tcb);
  }

  #make(params: Readonly<TcpParams>): Tcb {
    const tcb = new Tcb(this.#env, params, congestionControl(params.congestionControl), 0, NOWHERE);
    if (this.#made.size < STAND_INS_MAX) this.#made.add(tcb);
    return tcb;
  }
}
