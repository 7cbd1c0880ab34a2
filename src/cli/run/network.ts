/** The addresses of the command's network, as slirp's users know them. */
import { AF_INET, AF_INET6 } from "#ffi/libc";
import type { Address } from "#ip/address";
import { type Prefix, parsePrefix } from "#ip/prefix";

const prefix = (text: string) => parsePrefix(text) as Prefix;

/** The name of the device inside. */
export const TUN = "tun0";
/** The kernel's own default, which only root could change. */
export const TUN_QUEUE = 500;
/** The command's addresses. */
export const GUEST_4 = prefix("10.0.2.100/24");
export const GUEST_6 = prefix("fd00::100/64");
/** The stack's addresses, which stand for this machine's loopback ones. */
export const GATEWAY_4 = "10.0.2.2";
export const GATEWAY_6 = "fd00::2";
/** The addresses that stand for this machine's resolvers: 10.0.2.3, 10.0.2.4, 10.0.2.5. */
export const RESOLVERS = ["10.0.2.3", "10.0.2.4", "10.0.2.5"] as const;

/** An address as 4 or 16 bytes in network order. */
export function addressBytes({ family, a, b, c, d }: Address): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  [a, b, c, d].forEach((word, i) => {
    view.setInt32(i * 4, word);
  });
  return new Uint8Array(view.buffer).slice(family === 4 ? 12 : 0);
}

/** struct sockaddr_in or sockaddr_in6. */
export function socketAddress(address: Address, port: number): Uint8Array {
  const bytes = addressBytes(address);
  const four = bytes.length === 4;
  const name = new Uint8Array(four ? 16 : 28);
  const view = new DataView(name.buffer);
  view.setUint16(0, familyOf(address), true);
  view.setUint16(2, port);
  name.set(bytes, four ? 4 : 8);
  return name;
}

export function familyOf({ family }: Address): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** What the process in the namespaces is told. */
export interface Plan {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mtu: number;
  readonly offload: boolean;
  readonly checksums: boolean;
  /** The text of /etc/resolv.conf for the command. */
  readonly resolvConf: string;
}

/** What it is told after the plan. */
export type Order =
  | { readonly kind: "start" }
  | { readonly kind: "signal"; readonly signal: NodeJS.Signals }
  /** A file to remove at the end: the process outside may not, after it has given up root. */
  | { readonly kind: "remove"; readonly path: string };

/** What it tells, as lines of JSON. */
export type Told =
  | { readonly kind: "ready"; readonly warnings: readonly string[] }
  | {
      readonly kind: "failed";
      readonly code: number;
      readonly what: string;
      readonly why: string;
      readonly fix: string;
    }
  | { readonly kind: "ended"; readonly code: number; readonly signal: string | null };
