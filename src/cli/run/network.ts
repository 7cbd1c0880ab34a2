/** The addresses of the command's network, as slirp's users know them. */
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
  /** @param leftover a file to remove at the end: the process outside may not, after it has given up root; or "" */
  { readonly kind: "start"; readonly leftover: string } | { readonly kind: "signal"; readonly signal: NodeJS.Signals };

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
