/**
 * A filter before a device's queue, which drops the packets of a flood there: reading a packet costs more than all that a stack does with it.
 * The stack tells it what exists here and which kinds of packets come in a flood. Without a flood, everything passes.
 */
import type { FlowKey } from "./flow-hash.ts";

/** Kinds of packets that may come in a flood. */
/** A TCP segment for no connection, and a SYN for a port without a listener. */
export const STRAY_SEGMENT = 0;
/** A UDP datagram for a port without a socket. */
export const STRAY_DATAGRAM = 1;
/** An ICMP echo request. */
export const ECHO_REQUEST = 2;
/** A fragment, unless its source has a connection. */
export const FRAGMENT = 3;
/** How many kinds there are, without SYNs, which are of the kind `synKind` of their port. */
export const KINDS = 4;
/** SYNs for a listener, of a source that is not known. Two ports share a kind only by chance. */
export const SYN_KINDS = 256;

/** The kind of SYNs for a port. @param hash of the listener (`portHash`) */
export function synKind(hash: number): number {
  return KINDS + ((hash >>> 18) & (SYN_KINDS - 1));
}

/** A filter of a device, as its stack uses it. Devices of users need none. */
export interface FloodFilter {
  /**
   * Begins to be used by a stack. Several stacks may use it, all with the same keys.
   * @param key of the hashes @param sourceKey of the places of sources
   * @param rate packets per second of each kind that pass in a flood; those of all stacks are added
   */
  begin(key: FlowKey, sourceKey: number, rate: number): void;
  /** One more connection, listener or source has that hash. */
  add(hash: number): void;
  /** One less. Call it once for each `add`. */
  remove(hash: number): void;
  /** SYNs from this source pass. @param place of 8,192; a source that had it is forgotten */
  know(place: number, source: number): void;
  /** From now on, for `holdUs`, packets of that kind pass only at the rate. */
  limit(kind: number, holdUs: number): void;
  /** What passed of that kind has been read. Until this is called again, only a few more pass. */
  wasRead(kind: number): void;
  /** How many packets of that kind were dropped since this was called last. */
  takeDropped(kind: number): number;
}
