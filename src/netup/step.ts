import type { Change } from "./changes.ts";

/** One deed: a tool to run, a sysctl to set, or a rule of iptables to insert where it is not there. */
export type Action =
  | { readonly run: readonly string[]; readonly stdin?: string }
  | { readonly sysctl: string; readonly value: string }
  | { readonly insert: { binary: string; table: string; chain: string; spec: readonly string[] } };

export type StepKind = "forward" | "device" | "trust" | "notrack" | "uplink" | "manager";

/** A step of the plan. `change` is what netdown will undo; null: nothing to undo, or undone with another. */
export interface Step {
  readonly kind: StepKind;
  readonly subject: string;
  readonly title: string;
  readonly actions: readonly Action[];
  readonly change: Change | null;
}

/** Something to be told: note < warn < fail (fail: the lab does not work as it stands). */
export interface Finding {
  readonly level: "note" | "warn" | "fail";
  readonly what: string;
  readonly why: string;
  /** What to type; "" for nothing. */
  readonly fix: string;
}
