import type { SipHash } from "#base/siphash";
import type { Address } from "#ip/address";
import type { Tcb } from "../words/tcb.ts";

/**
 * RFC 6528: ISN = M + F(localip, localport, remoteip, remoteport, secretkey), where M is a clock of 4 us (MUST-8, MUST-9,
 * SHLD-1). F is HalfSipHash under the stack's secret.
 */
export function initialSequence(
  hash: SipHash,
  local: Address,
  localPort: number,
  remote: Address,
  remotePort: number,
  now: number,
): number {
  return (Math.floor(now / 4) + tupleHash(hash, local, localPort, remote, remotePort, 0x15c)) | 0;
}

/**
 * The offset of our timestamp clock for a pair of endpoints: constant for the pair, so that TIME-WAIT can be reused by timestamps (RFC
 * 6191), and unpredictable from other pairs' offsets (RFC 7323 §7.1).
 */
export function timestampOffset(
  hash: SipHash,
  local: Address,
  localPort: number,
  remote: Address,
  remotePort: number,
): number {
  return tupleHash(hash, local, localPort, remote, remotePort, 0x75);
}

function tupleHash(
  hash: SipHash,
  local: Address,
  localPort: number,
  remote: Address,
  remotePort: number,
  purpose: number,
): number {
  return hash
    .begin()
    .word(purpose)
    .word(local.a)
    .word(local.b)
    .word(local.c)
    .word(local.d)
    .word(remote.a)
    .word(remote.b)
    .word(remote.c)
    .word(remote.d)
    .word((localPort << 16) | remotePort)
    .end();
}

/** Sets ISS, and with it all send variables. Only before anything was sent. */
export function setInitialSequence(tcb: Tcb, iss: number): void {
  const { snd } = tcb;
  snd.iss = iss;
  snd.una = iss;
  snd.nxt = iss;
  snd.up = iss;
  snd.small = iss;
  tcb.board.sackHigh = iss;
}
