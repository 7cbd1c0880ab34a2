/**
 * What a connection knows of the packets that its path carries, and which ICMP errors about their size it believes.
 *
 * RFC 5927 §7.2: whoever guesses the ports and a number in flight can claim that a packet was too big. A claim about a size of which nothing
 * was acknowledged yet is believed at once (path MTU discovery begins). One about a size that the path has carried waits: if the
 * quoted segment is acknowledged the claim was wrong; if it times out the path has changed.
 */
import { GSO_NONE, type Packet } from "#base/packet";
import { ge, gt } from "./seq.ts";
import type { Tcb } from "./tcb.ts";

/** Sizes are those of segments, TCP header included; 0: none. */
export class PathVariables {
  /** `PathMtu.version` when the connection last looked. */
  version = 0;
  /** The path may carry less than we cut our segments to: routers may cut them further (no DF). */
  belowFloor = false;
  /** The largest segment that was acknowledged; a larger one in flight, and the number after its end. */
  proven = 0;
  tried = 0;
  triedEnd = 0;
  /** The MTU that waits to be believed, and the number that refutes it when it is acknowledged. */
  claim = 0;
  claimSeq = 0;
}

/** A packet with payload goes out: `seq` is its first number, `n` its payload. */
export function noteSize({ path }: Tcb, packet: Packet, seq: number, n: number): void {
  const payload = packet.gso === GSO_NONE ? n : packet.gsoSize;
  const size = packet.n + payload;
  if (size <= path.proven || size <= path.tried) return;
  path.tried = size;
  path.triedEnd = (seq + payload) | 0;
}

/** SND.UNA may have moved: what the path carried is proven, a claim about what arrived is refuted. */
export function proveSize({ path, snd }: Tcb): void {
  if (path.tried > 0 && ge(snd.una, path.triedEnd)) {
    path.proven = path.tried;
    path.tried = 0;
  }
  if (path.claim > 0 && gt(snd.una, path.claimSeq)) path.claim = 0;
}

/**
 * Whether the claim that the path carries at most `mtu` is believed at once; else it waits.
 * @param most the segment that fits into it. @param seq that of the segment that was too big
 */
export function isBelieved(tcb: Tcb, mtu: number, most: number, seq: number): boolean {
  const { path, params } = tcb;
  if (!params.icmpErrors.pathMtuDelay || most >= path.proven) return true;
  path.claim = mtu;
  path.claimSeq = seq;
  return false;
}

/** A timer fired: the MTU that is believed now since the quoted segment was not acknowledged in time; 0: none. */
export function dueClaim({ path, retries }: Tcb): number {
  const { claim } = path;
  if (claim === 0 || retries === 0) return 0;
  path.claim = 0;
  return claim;
}

/** The path carries less than was proven: another link of it may carry still less. */
export function forgetSizes({ path }: Tcb): void {
  path.proven = 0;
  path.tried = 0;
  path.claim = 0;
}
