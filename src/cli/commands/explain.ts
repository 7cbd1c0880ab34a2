import { Explainer, type Wanted } from "#explain/explainer";
import { CONNECTIONS_MAX } from "#explain/infer/flow-table";
import { parseAddress } from "#ip/address";
import type { Run } from "#report/model/run";
import { count, duration } from "#report/verdict/text";
import { type Verdict, verdictsOf } from "#report/verdict/verdict";
import { type ReadCapture, readCapture } from "../capture-source.ts";
import { CliError, usageError } from "../cli-error.ts";
import type { Call } from "../commands.ts";
import { nameOf } from "../event-files.ts";
import { EXIT_NO_RECORD, EXIT_OK } from "../exit-codes.ts";
import { print, refuseClosedOutput, STDERR, STDOUT } from "../print.ts";
import { ReportFile } from "../report-file.ts";
import { refuseOverwriting } from "../same-file.ts";
import { columnsOf, printText, say, sayData, yellow } from "../terminal.ts";
import { wrapped } from "../wrapped.ts";

/** Connections that are printed: those with the most to say. */
const PRINTED_MAX = 10;
const INDENT = "  ";
const WIDTH_MAX = 100;

/** `tcpnet explain`: the words go to standard output, unless the report does. */
export async function run({ args, flags }: Call): Promise<number> {
  const [path] = args as [string];
  const output = flags.text("output");
  if (output !== undefined && output !== "-" && path !== "-") refuseOverwriting([path], "--output", output);
  if (output === undefined) refuseClosedOutput();
  const only = flags.text("only");
  const explainer = new Explainer(only === undefined ? undefined : wanted(only));
  const read = await readCapture(path, explainer);
  const name = nameOf([path]);
  refuseEmpty(name, explainer, only);
  const about = { capture: name, format: read.format, ...(only === undefined ? {} : { only }) };
  const run = explainer.build(about, read.missed);
  const file = output === undefined ? undefined : new ReportFile(output);
  await file?.write([{ name, run }], name);
  for (const line of warnings(name, explainer, read)) say(`${yellow("warning")} ${line}`);
  const verdicts = verdictsOf(run).sort((a, b) => b.severity - a.severity || b.figures.octets - a.figures.octets);
  const isTaken = output === "-";
  if (flags.has("json")) {
    const text = JSON.stringify({ schema: "tcpnet.explain/1", ...json(name, explainer, run, verdicts), path: output });
    if (isTaken) sayData(text);
    else print(`${text}\n`);
    return EXIT_OK;
  }
  const columns = Math.min(WIDTH_MAX, columnsOf(isTaken ? STDERR : STDOUT));
  const shown = flags.has("all") ? verdicts : verdicts.slice(0, PRINTED_MAX);
  const lines = [
    ...wrapped(summary(name, explainer, run), columns),
    ...shown.flatMap((verdict) => ["", ...words(run, verdict, columns)]),
    ...(shown.length < verdicts.length ? ["", `and ${verdicts.length - shown.length} more: --all prints them`] : []),
    ...(output === undefined || isTaken ? [] : ["", `report: ${output}`]),
  ];
  if (isTaken) say(...lines);
  else printText(`${lines.join("\n")}\n`);
  return EXIT_OK;
}

/** Throws CliError. */
function refuseEmpty(name: string, { counts, linkTypes }: Explainer, only: string | undefined): void {
  const what = `there is nothing to explain in ${name}`;
  const no = (why: string, fix = "") => new CliError(EXIT_NO_RECORD, what, why, fix);
  if (counts.packets === 0) throw no("the capture has no packets");
  if (counts.unknownLink === counts.packets)
    throw no(
      `its packets have link type ${[...linkTypes].join(", ")}, which tcpnet does not read`,
      "capture on an Ethernet, cooked (-i any), raw IP or loopback interface",
    );
  if (counts.segments === 0) {
    const cut = counts.cut === 0 ? "" : `; ${count(counts.cut, "packet")} were cut before the end of the TCP header`;
    throw no(
      `none of its ${count(counts.packets, "packet")} is a TCP segment${cut}`,
      cut === "" ? "" : "capture with -s 128 or more",
    );
  }
  if (only !== undefined && counts.unwanted === counts.segments)
    throw no(
      `none of its ${count(counts.segments, "TCP segment")} is from or to ${only}`,
      "leave out --only to see all connections",
    );
}

function warnings(name: string, { counts }: Explainer, { damage, missed }: ReadCapture): string[] {
  const lines: string[] = [];
  const cut = (n: number, words: string) => {
    if (n > 0) lines.push(`${name}: ${words}`);
  };
  if (damage !== "") lines.push(`${name}: ${damage}; what comes before is explained`);
  cut(missed, `the capturing program missed ${count(missed, "packet")}: losses may be seen that were none`);
  cut(
    counts.cut,
    `${count(counts.cut, "packet was", "packets were")} cut before the end of the TCP header, and left out: capture with -s 128 or more`,
  );
  cut(counts.unknownLink, `${count(counts.unknownLink, "packet")} of a link type that is not known left out`);
  cut(
    counts.beyond,
    `${count(counts.beyond, "segment")} of further connections left out: the first ${CONNECTIONS_MAX} are explained; choose with --only`,
  );
  return lines;
}

function summary(name: string, { counts }: Explainer, run: Run): string {
  const last = run.connections.reduce((most, { end }) => Math.max(most, end), 0);
  const left =
    run.leftOut > 0
      ? ` The first ${count(run.packets.time.length, "packet")} are explained, ` +
        `${run.leftOut.toLocaleString("en-US")} more left out: choose with --only.`
      : "";
  const tcp = counts.segments - counts.unwanted;
  const other = counts.packets - tcp;
  const rest = other > 0 ? ` and ${other.toLocaleString("en-US")} others` : "";
  return (
    `${name}: ${count(tcp, "TCP packet")}${rest}, ${count(run.connections.length, "connection")}, ` +
    `${duration(last)}. All of this is inferred from the packets.${left}`
  );
}

function direction(run: Run, { connection, from }: Verdict): string {
  const { ends } = run.connections[connection]!;
  return `${ends[from as 0 | 1]} → ${ends[(1 - from) as 0 | 1]}`;
}

function words(run: Run, verdict: Verdict, columns: number): string[] {
  const lines = verdict.sentences.flatMap(({ text, tone }) => {
    const mark = tone === "bad" ? "! " : tone === "warn" ? "* " : "- ";
    return wrapped(text, columns - INDENT.length - mark.length).map(
      (line, i) => `${INDENT}${i === 0 ? mark : " ".repeat(mark.length)}${line}`,
    );
  });
  return [direction(run, verdict), ...lines];
}

function json(name: string, { counts }: Explainer, run: Run, verdicts: readonly Verdict[]) {
  return {
    name,
    inferred: true,
    ...counts,
    connections: run.connections.length,
    leftOut: run.leftOut,
    missed: run.missing,
    verdicts: verdicts.map((verdict) => {
      const { intervals: _, drops, ...numbers } = verdict.figures;
      const lost = Object.fromEntries(drops.map(({ rule, rows }) => [run.rules[rule]!.name, rows.length]));
      const said = verdict.sentences.map(({ text }) => text);
      return { direction: direction(run, verdict), severity: verdict.severity, words: said, ...numbers, lost };
    }),
  };
}

/** "10.0.0.2", "443", "10.0.0.2:443", "[2001:db8::1]:443". Throws CliError. */
function wanted(text: string): Wanted {
  const [, bracketed, plain, after] = /^(?:\[([^\]]+)\]|([^:]*?))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const isPort = after === undefined && /^\d{1,5}$/.test(text);
  const portText = isPort ? text : after;
  const addressText = isPort ? "" : (bracketed ?? plain ?? text);
  const address = addressText === "" ? null : parseAddress(addressText);
  const port = portText === undefined ? -1 : Number(portText);
  if ((addressText !== "" && address === null) || port > 65_535 || (addressText === "" && port < 0))
    throw usageError(
      `--only ${text === "" ? '""' : text} is not an address or a port`,
      "",
      "for example --only 10.0.0.2:443",
    );
  return (s) =>
    [0, 1].some((side) => {
      const { addresses: a } = s;
      const at = side * 4;
      if (port >= 0 && (side === 0 ? s.sourcePort : s.destinationPort) !== port) return false;
      return address === null || address.equalsWords(a[at]!, a[at + 1]!, a[at + 2]!, a[at + 3]!);
    });
}
