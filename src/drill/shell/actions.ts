import type { SettingValue } from "../engine.ts";
import type { Filter } from "./filters.ts";

/** What a shell command asks for. */
export type Action =
  /** A setting of the stack: a field of TcpParams, or one of the words of stack-settings.ts. */
  | { readonly kind: "set"; readonly name: string; readonly value: SettingValue }
  /** A sysctl by its own name, for a system that has it. */
  | { readonly kind: "sysctl"; readonly name: string; readonly value: string }
  | { readonly kind: "mtu"; readonly value: number }
  /** Exit status 0 only if that many connections are in the state. */
  | { readonly kind: "count"; readonly state: string; readonly port: number | undefined; readonly want: number }
  | { readonly kind: "drop"; readonly state: string | undefined }
  | { readonly kind: "sleep"; readonly usecs: number }
  /** A file of so many octets of zero. */
  | { readonly kind: "file"; readonly path: string; readonly octets: number }
  /** Exit status of the last filter, inverted or not. */
  | {
      readonly kind: "check";
      readonly source: Source;
      readonly filters: readonly Filter[];
      readonly inverted: boolean;
      readonly text: string;
    }
  /** The second only if the first failed. */
  | { readonly kind: "either"; readonly first: readonly Action[]; readonly second: readonly Action[] };

/** Where text comes from that a command looks at. */
export type Source =
  | { readonly kind: "text"; readonly lines: readonly string[] }
  /** Counters that grew since they were last asked for; `names`: those that the command is about. */
  | {
      readonly kind: "counters";
      readonly names: readonly string[];
      readonly absolute: boolean;
      readonly zeros: boolean;
      readonly keeps: boolean;
    }
  /** /proc/net/tcp. */
  | { readonly kind: "sockets" };

export const set = (name: string, value: SettingValue): Action => ({ kind: "set", name, value });
