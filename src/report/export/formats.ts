import { CsvExporter } from "./csv.ts";
import type { Exporter, Put } from "./exporter.ts";
import { PerfettoExporter } from "./perfetto.ts";
import { QlogExporter } from "./qlog.ts";

export const FORMATS = ["qlog", "perfetto", "csv"] as const;
export type Format = (typeof FORMATS)[number];

/** By the end of a file's name. */
export const FORMAT_OF: Readonly<Record<string, Format>> = {
  qlog: "qlog",
  sqlog: "qlog",
  json: "perfetto",
  csv: "csv",
};

export interface ExportOptions {
  readonly format: Format;
  /** What the run is called. */
  readonly title: string;
  /** Of CSV: µs between two rows; 0: a row for each change. */
  readonly interval: number;
}

export function exporter({ format, title, interval }: ExportOptions, put: Put): Exporter {
  switch (format) {
    case "qlog":
      return new QlogExporter(put, title);
    case "perfetto":
      return new PerfettoExporter(put);
    case "csv":
      return new CsvExporter(put, interval);
  }
}
