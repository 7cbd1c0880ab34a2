/** Forged segments: each looks as if it came from the peer, and must change nothing. */
import { Packet } from "#base/packet";
import type { Address } from "#ip/address";
import { CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from "#tcp/words/state";
import type { Tcb } from "#tcp/words/tcb";
import * as checksum from "#wire/checksum";
import * as ipv4 from "#wire/ipv4";
import * as ipv6 from "#wire/ipv6";
import { TCP } from "#wire/protocol";
import * as tcphdr from "#wire/tcp";
import { ACK, FIN, PSH, RST, SYN } from "#wire/tcp";
import * as opt from "#wire/tcp-options";
import type { Attack } from "./scenario.ts";
import type { Machine, Pair } from "./world.ts";

const OPEN = ESTABLISHED | CLOSE_WAIT | FIN_WAIT_1 | FIN_WAIT_2;

/** A segment from the peer of a connection, before it is written. */
interface Forgery {
  seq: number;
  ack: number;
  flags: number;
  n: number;
  tsval: number;
  blocks: [number, number][];
  spoilt: boolean;
}

/** Answers whether a packet was put in. */
export function attack(pair: Pair, { to, kind, nonce }: Attack): boolean {
  const machine = pair.ends[to];
  const { tcb } = pair[to];
  if (tcb === undefined || (tcb.state & OPEN) === 0) return false;
  if (kind === "replay") return replay(machine, nonce);
  const forgery = forge(tcb, kind, nonce);
  if (forgery === undefined) return false;
  const packet = room(machine);
  packet.n = write(machine.host.stack.slab.view, packet.o, tcb, forgery);
  deliver(machine, packet);
  return true;
}

function forge(tcb: Tcb, kind: Attack["kind"], nonce: number): Forgery | undefined {
  const { snd, rcv } = tcb;
  const window = (rcv.adv - rcv.nxt) | 0;
  const plain: Forgery = {
    seq: rcv.nxt,
    ack: snd.una,
    flags: ACK,
    n: 0,
    tsval: tcb.tsRecent,
    blocks: [],
    spoilt: false,
  };
  const some = 1 + (nonce % 1000);
  switch (kind) {
    case "rst-in-window":
      // Exactly at RCV.NXT it would be right (RFC 5961 §3.2).
      return window < 2 ? undefined : { ...plain, flags: RST | ACK, seq: (rcv.nxt + 1 + (nonce % (window - 1))) | 0 };
    case "rst-outside":
      return { ...plain, flags: RST | ACK, seq: nonce & 1 ? (rcv.adv + some) | 0 : (rcv.nxt - some) | 0 };
    case "syn":
      return { ...plain, flags: nonce & 1 ? SYN : SYN | ACK, seq: (rcv.nxt + (nonce % Math.max(window, 1))) | 0 };
    case "ack-unsent":
      return { ...plain, ack: (snd.nxt + some) | 0 };
    case "ack-old":
      return { ...plain, ack: (snd.una - snd.wndMax - some) | 0 };
    case "old-timestamp":
      // An old duplicate of an earlier lap of the sequence space (RFC 7323 §5.1).
      return tcb.timestampsOk
        ? { ...plain, n: Math.min(some, window), tsval: (tcb.tsRecent - 1 - some) | 0 }
        : undefined;
    case "beyond-window":
      return { ...plain, seq: (rcv.adv + (nonce % 2000)) | 0, n: some };
    case "fin-beyond":
      return { ...plain, flags: ACK | FIN, seq: (rcv.adv + some) | 0, n: nonce & 1 ? some : 0 };
    case "sack-nonsense":
      return tcb.sackOk ? { ...plain, blocks: nonsense(tcb, some) } : undefined;
    case "overrun":
      return { ...plain, n: Math.min(window + some, 1400) };
    case "bad-checksum":
      return { ...plain, n: some, spoilt: true };
    default:
      return undefined;
  }
}

/** Blocks beyond SND.NXT, below ISS, and the wrong way round. */
function nonsense(tcb: Tcb, some: number): [number, number][] {
  const { snd } = tcb;
  return [
    [(snd.nxt + some) | 0, (snd.nxt + 2 * some) | 0],
    [(snd.una + some) | 0, (snd.una - some) | 0],
    [(snd.iss - 2 * some) | 0, (snd.iss - some) | 0],
  ];
}

/** A packet that this machine has had before comes again. */
function replay(machine: Machine, nonce: number): boolean {
  const { seen } = machine.witness;
  const bytes = seen[nonce % Math.max(seen.length, 1)];
  if (bytes === undefined) return false;
  const packet = room(machine);
  machine.host.stack.slab.u8.set(bytes, packet.o);
  packet.n = bytes.length;
  deliver(machine, packet);
  return true;
}

export function room(machine: Machine): Packet {
  const packet = new Packet();
  packet.o = machine.host.node.rxO;
  return packet;
}

export function deliver(machine: Machine, packet: Packet): void {
  const { node } = machine.host;
  machine.witness.forging = true;
  machine.witness.input(packet, node.now());
  machine.witness.forging = false;
  machine.forged++;
  node.wake();
}

function write(v: DataView, o: number, tcb: Tcb, f: Forgery): number {
  const six = tcb.local.family === 6;
  const at = o + (six ? ipv6.HEADER : ipv4.HEADER_MIN);
  let end = at + tcphdr.HEADER_MIN;
  if (tcb.timestampsOk) end = opt.writeTimestamps(v, end, f.tsval, 0);
  if (f.blocks.length > 0) {
    end = opt.writeSackHead(v, end, f.blocks.length);
    for (const [left, right] of f.blocks) end = opt.writeSackBlock(v, end, left, right);
  }
  const header = end - at;
  const flags = f.flags | (f.n > 0 ? PSH : 0);
  const window = tcb.snd.wnd >> tcb.snd.shift;
  tcphdr.write(v, at, tcb.remotePort, tcb.localPort, f.seq, f.ack, header, flags, window, 0);
  for (let i = 0; i < f.n; i++) v.setUint8(end + i, 0xee);
  const length = header + f.n;
  addresses(v, o, six, tcb.remote, tcb.local, length);
  const pseudo = six
    ? checksum.sum(v, o + ipv6.SOURCE, 32, length + TCP)
    : checksum.pseudo4(tcb.remote.d, tcb.local.d, TCP, length);
  const sum = checksum.finish(checksum.sum(v, at, length, pseudo));
  tcphdr.setChecksum(v, at, f.spoilt ? sum ^ 0x0100 : sum);
  return at - o + length;
}

function addresses(v: DataView, o: number, six: boolean, from: Address, to: Address, length: number): void {
  if (six) {
    ipv6.write(v, o, 0, 0, length, TCP, 64);
    ipv6.setSource(v, o, from.a, from.b, from.c, from.d);
    ipv6.setDestination(v, o, to.a, to.b, to.c, to.d);
    return;
  }
  ipv4.write(v, o, 0, ipv4.HEADER_MIN + length, 0, ipv4.DF, 64, TCP, from.d, to.d);
  ipv4.setChecksum(v, o);
}
