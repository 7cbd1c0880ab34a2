/**
 * What a connection knows about packet sizes on its path, and which ICMP errors about them it believes.
 *
 * RFC 5927 §7.2: an attacker who guesses the ports and a sequence number in flight can claim that a packet was too big. If no segment of
 * that size was acknowledged yet, the claim is believed at once (path MTU discovery begins). If the path has carried that size, the claim
 * waits: if the quoted segment is acknowledged, it was false; if it times out, the path has changed.
 */
import { GSO_NONE, type Packet } from "#base/packet";
import { ge, gt } from "./seq.ts";
import type { Tcb } from "./tcb.ts";

/** Sizes of segments, TCP header included; 0: none. */
export class PathVariables {
  /** The `PathMtu.version` at the connection's last look-up. */
  version = 0;
  /** The path MTU may be below the size of our segments: routers may fragment them (no DF). */
  belowFloor = false;
  /** The largest acknowledged segment; and a larger one in flight, with the sequence number after its end. */
  proven = 0;
  tried = 0;
  triedEnd = 0;
  /** The claimed MTU that is not believed yet, and the sequence number whose acknowledgment refutes it. */
  claim = 0;
  claimSeq = 0;
}

/** A packet with payload is sent: `seq` is its first sequence number, `n` its payload. */
export function noteSize({ path }: Tcb, packet: Packet, seq: number, n: number): void {
  const payload = packet.gso === GSO_NONE ? n : packet.gsoSize;
  const size = packet.n + payload;
  if (size <= path.proven || size <= path.tried) return;
  path.tried = size;
  path.triedEnd = (seq + payload) | 0;
}

/** SND.UNA may have advanced: records proven sizes, and discards a claim about a segment that was acknowledged. */
export function proveSize({ path, snd }: Tcb): void {
  if (path.tried > 0 && ge(snd.una, path.triedEnd)) {
    path.proven = path.tried;
    path.tried = 0;
  }
  if (path.claim > 0 && gt(snd.una, path.claimSeq)) path.claim = 0;
}

/**
 * Whether the claim that the path MTU is `mtu` is believed at once; otherwise it is stored.
 * @param most the largest segment that fits into `mtu`
 * @param seq the sequence number of the quoted segment
 */
export function isBelieved(tcb: Tcb, mtu: number, most: number, seq: number): boolean {
  const { path, params } = tcb;
  if (!params.icmpErrors.pathMtuDelay || most >= path.proven) return true;
  path.claim = mtu;
  path.claimSeq = seq;
  return false;
}

/** A timer fired: returns the claimed MTU that is believed now because the quoted segment was not acknowledged in time; 0: none. */
export function dueClaim({ path, retries }: Tcb): number {
  const { claim } = path;
  if (claim === 0 || retries === 0) return 0;
  path.claim = 0;
  return claim;
}

/** The path MTU fell: another link of the path may carry even less, so no size counts as proven. */
export function forgetSizes({ path }: Tcb): void {
  path.proven = 0;
  path.tried = 0;
  path.claim = 0;
}
