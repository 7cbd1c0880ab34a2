import type { Change } from "./changes.ts";

/** One action: run a tool, set a sysctl, or insert an iptables rule if it is missing. */
export type Action =
  | { readonly run: readonly string[]; readonly stdin?: string }
  | { readonly sysctl: string; readonly value: string }
  | { readonly insert: { binary: string; table: string; chain: string; spec: readonly string[] } };

export type StepKind = "forward" | "device" | "trust" | "notrack" | "uplink" | "manager";

/** A step of the plan. `change` is what netdown undoes; null: nothing to undo, or undone together with another step. */
export interface Step {
  readonly kind: StepKind;
  readonly subject: string;
  readonly title: string;
  readonly actions: readonly Action[];
  readonly change: Change | null;
}

/** Something to report: note < warn < fail (fail: the lab does not work). */
export interface Finding {
  readonly level: "note" | "warn" | "fail";
  readonly what: string;
  readonly why: string;
  /** What to type; "" for nothing. */
  readonly fix: string;
}
