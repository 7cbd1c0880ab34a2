/** The filter's program in the kernel, without a device: every kind is limited and its rate used up, so that a drop shows the kind. */
import { Counters } from "#base/counters";
import { Prng } from "#base/prng";
import { SipHash } from "#base/siphash";
import { Trace } from "#base/trace";
import { KernelFilter } from "#device/filter/kernel-filter";
import * as table from "#device/filter/layout";
import { DROP, floodProgram } from "#device/filter/program";
import * as bpf from "#ffi/bpf";
import { errnoName } from "#ffi/errno";
import { close } from "#ffi/libc";
import { mapMemory, unmapMemory } from "#ffi/memory-map";
import { KINDS, SYN_KINDS } from "#ip/flood-filter";
import { Floods } from "#stack/floods";
import { DEFAULT_LIMITS } from "#stack/limits";
import { SynFlood } from "#stack/syn-flood";

const ETHERNET = 14;
const HOUR_US = 3.6e9;
const NEVER_DUE = 2n ** 62n;

/** Why no program can be loaded here; "" if one can. */
export function whyNoBpf(): string {
  const map = bpf.createTable("tcpnet_test", table.TABLE_SIZE);
  if (map < 0) return `bpf(2) is refused: ${errnoName(-map)}`;
  const program = bpf.loadSocketFilter("tcpnet_test", floodProgram(map));
  close(map);
  if (program < 0) return `bpf(2) loads no program: ${errnoName(-program)}`;
  close(program);
  return "";
}

export class FilterRig {
  readonly filter: KernelFilter;
  readonly floods: Floods;
  /** Knows sources, as that of a stack. */
  readonly synFlood: SynFlood;
  readonly counters = new Counters();
  readonly memory: ArrayBuffer;
  readonly words: Int32Array;
  readonly times: BigInt64Array;
  readonly #program: number;

  constructor(seed: number) {
    const map = bpf.createTable("tcpnet_test", table.TABLE_SIZE);
    this.#program = bpf.loadSocketFilter("tcpnet_test", floodProgram(map));
    this.memory = mapMemory(map, table.TABLE_SIZE)!;
    this.words = new Int32Array(this.memory);
    this.times = new BigInt64Array(this.memory);
    this.filter = KernelFilter.of(map)!;
    const prng = new Prng(seed);
    const hash = new SipHash(prng.int32(), prng.int32());
    this.synFlood = new SynFlood(new DataView(new ArrayBuffer(0)), this.counters, new Trace(0), DEFAULT_LIMITS, hash);
    this.floods = new Floods(this.filter, hash, this.synFlood.key, this.counters, DEFAULT_LIMITS);
    this.synFlood.floods = this.floods;
  }

  /** From now on, whatever is of a kind is dropped. */
  limitAll(): void {
    for (let kind = 0; kind < KINDS + SYN_KINDS; kind++) {
      this.filter.limit(kind, HOUR_US);
      this.times[this.#record(kind, table.DUE) >> 3] = NEVER_DUE;
    }
  }

  /** The kind as which a packet was dropped, or "pass". */
  judge(packet: Uint8Array): number | "pass" {
    const result = this.run(packet);
    if (result !== DROP) return "pass";
    for (let kind = 0; kind < KINDS + SYN_KINDS; kind++) if (this.filter.takeDropped(kind) > 0) return kind;
    throw new Error("a packet was dropped, and not counted");
  }

  /** What the program returns, unsigned. */
  run(packet: Uint8Array): number {
    const frame = new Uint8Array(ETHERNET + packet.length);
    // An EtherType for experiments: the kernel would refuse truncated IP packets.
    frame.set([0x88, 0xb5], 12);
    frame.set(packet, ETHERNET);
    const result = bpf.testRun(this.#program, frame);
    if (result < 0) throw new Error(`BPF_PROG_TEST_RUN: ${errnoName(-result)}`);
    return result;
  }

  /** How many flows, ports and sources the table counts, together. */
  total(): number {
    return this.words.subarray(table.FLOWS >> 2).reduce((sum, n) => sum + n, 0);
  }

  #record(kind: number, offset: number): number {
    return table.LIMITS + kind * table.LIMIT_SIZE + offset;
  }

  close(): void {
    this.filter.close();
    close(this.#program);
    unmapMemory(this.memory);
  }
}
