/** Options of a stack, and of its OPEN calls. */
import type { Address } from "#ip/address";
import type { FloodFilter } from "#ip/flood-filter";
import type { Prefix } from "#ip/prefix";
import type { TcpSettings } from "#tcp/words/params";
import type { Limits } from "./limits.ts";
import type { Siblings } from "./siblings.ts";

/** What the device can do (`Offload` of `#device/device`). */
export interface StackOffload {
  readonly checksum: boolean;
  readonly tso4: boolean;
  readonly tso6: boolean;
}

export const NO_OFFLOAD: StackOffload = { checksum: false, tso4: false, tso6: false };

export interface StackOptions {
  /** Our addresses; the first of each family is the default source. */
  addresses: readonly Address[];
  /** The prefixes of our links, which determine the broadcast addresses. */
  prefixes?: readonly Prefix[];
  /** A prefix of which every address is ours (promiscuous), except those in `except` (the kernel's). */
  owned?: Prefix | null;
  except?: readonly Address[];
  /** The largest IP packet of the link, octets. */
  mtu: number;
  /** Absent: none. */
  offload?: StackOffload;
  /** The seed of everything random, also of the secret unless that is given. Outside simulations it must be truly random. */
  seed: number;
  /** A secret of two int32 words; derived from the seed if absent. */
  secret?: readonly [number, number];
  /** Defaults of every connection. */
  params?: TcpSettings;
  limits?: Partial<Limits>;
  /** Records of the event ring between two drains; 0: no trace. */
  trace?: number;
  /**
   * Called during a SEND that has filled one piece of the send queue and has more data, to poll segments that may be sent now, as Linux does.
   * Absent: data queued by SEND is sent at the driver's next poll.
   */
  whileSending?: (now: number) => void;
  /** The stacks with the same addresses and the same `secret`. */
  siblings?: Siblings;
  /** Drops the packets of floods before they are read. */
  filter?: FloodFilter | undefined;
}

export interface ActiveOpenOptions {
  local?: Address;
  /** 0 or absent: an ephemeral port. */
  localPort?: number;
  params?: TcpSettings;
  /** Time limit of the handshake, µs. 0 or absent: the limit in `params`. */
  timeout?: number;
}

export interface PassiveOpenOptions {
  /** Absent: every address of ours. */
  local?: Address;
  /** Only this remote may connect. */
  remote?: Address;
  remotePort?: number;
  /** The most connections waiting to be accepted. */
  backlog?: number;
  params?: TcpSettings;
}
