/** What the file says in JSON, beside the tables. */
import type { PackedColumn } from "./model/pack.ts";
import type { Run, Tables } from "./model/run.ts";
import type { Sentence } from "./verdict/verdict.ts";

/** A verdict as it is in the file: the numbers that the page shows. */
export interface ShownVerdict {
  readonly connection: number;
  readonly from: number;
  readonly sentences: readonly Sentence[];
  readonly severity: number;
  readonly figures: ShownFigures;
}

export interface ShownFigures {
  readonly octets: number;
  readonly start: number;
  readonly end: number;
  readonly resent: number;
  readonly late: number;
  readonly had: number;
  readonly timeouts: number;
  readonly lost: number;
  readonly minRtt: number;
  readonly maxRtt: number;
  readonly shares: Readonly<Record<string, number>> | null;
}

export interface RunMeta extends Omit<Run, keyof Tables> {
  readonly name: string;
  readonly columns: readonly PackedColumn[];
  readonly verdicts: readonly ShownVerdict[];
}

export interface Meta {
  readonly title: string;
  /** What made the file: "tcpnet 0.1.0". */
  readonly program: string;
  readonly runs: readonly RunMeta[];
  /** The run goes on, and the page fetches it. */
  readonly isLive?: boolean;
}

/** A run that goes on, as it is now. */
export interface LiveData {
  readonly runs: readonly RunMeta[];
  /** The tables of each, packed. */
  readonly data: readonly string[];
}
