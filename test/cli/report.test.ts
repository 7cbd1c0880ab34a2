import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cliFolder } from "../support/cli-folder.ts";

const { at, tcpnet } = cliFolder("report");

const RUN = ["sim", "--bytes", "200k", "--rtt", "40ms", "--loss", "2%", "--seed", "4"];

test("sim --report and report of its events say the same, and write one file that needs no other", async () => {
  const sim = await tcpnet(...RUN, "--events", at("run.ndjson"), "--report", at("sim.html"));
  expect([sim.code, sim.err]).toEqual([0, ""]);
  const report = await tcpnet("report", at("run.ndjson"), "-o", at("report.html"));
  expect([report.code, report.err]).toEqual([0, ""]);
  const verdict = report.out
    .split("\n")
    .slice(1, 3)
    .map((line) => line.trim());
  expect(verdict[0]).toMatch(/^200 kB in [\d.]+ m?s, [\d.]+ Mbit\/s\.$/);
  for (const line of verdict) expect(sim.out).toContain(line);
  const html = readFileSync(at("report.html"), "utf8");
  expect(html).toStartWith("<!doctype html>");
  expect(html.match(/(?:src|href)="(?!data:)[^"]*"/g)).toBeNull();
  const json = JSON.parse((await tcpnet("report", at("run.ndjson"), "-o", at("report.html"), "--json")).out);
  expect([json.schema, json.runs[0].verdicts[0].octets]).toEqual(["tcpnet.report/1", 200_000]);
});

test("what cannot be reported is told in words with its own exit code, and no page is written", async () => {
  await tcpnet(...RUN, "--events", at("whole.ndjson"));
  const whole = readFileSync(at("whole.ndjson"));
  const [head] = whole.toString().split("\n");
  writeFileSync(at("empty"), "");
  writeFileSync(at("text"), "nothing of the kind\n");
  writeFileSync(at("binary"), crypto.getRandomValues(new Uint8Array(60_000)));
  writeFileSync(at("other"), '{"schema":"tcpnet.event/1","event":"start"}\n');
  writeFileSync(at("foreign"), '{"qlog_version":"0.3"}\n');
  writeFileSync(at("nothing"), `${head}\n`);
  await tcpnet(...RUN, "-w", at("run.pcapng"));
  writeFileSync(at("run.pcapng.gz"), Bun.gzipSync(readFileSync(at("run.pcapng"))));
  writeFileSync(at("whole.ndjson.gz"), Bun.gzipSync(whole));
  for (const [name, code, words] of [
    ["empty", 5, "is empty"],
    ["run.pcapng", 5, " explain "],
    ["run.pcapng.gz", 5, "is a capture"],
    ["whole.ndjson.gz", 5, "compressed events: zcat "],
    ["text", 5, "is not an event file"],
    ["binary", 5, "is not an event file"],
    ["other", 5, "has the schema tcpnet.event/1, and this program reads tcpnet.event/2"],
    ["foreign", 5, "names no schema"],
    ["nothing", 5, "there is nothing to report"],
    ["absent", 1, "it does not exist"],
  ] as const) {
    const { code: ended, out, err } = await tcpnet("report", at(name), "-o", at("none.html"));
    expect([name, ended, out, err.includes(words)]).toEqual([name, code, "", true]);
  }
  expect(existsSync(at("none.html"))).toBe(false);
  const full = await tcpnet("report", at("whole.ndjson"), "-o", "/dev/full");
  expect([full.code, full.err]).toEqual([1, expect.stringContaining("the disk is full")]);
  const one = await tcpnet("report", "--compare", at("whole.ndjson"));
  expect([one.code, one.err]).toEqual([2, expect.stringContaining("--compare needs two files")]);
  // A torn last line is left out, and told.
  writeFileSync(at("torn"), whole.subarray(0, whole.length - 40));
  const torn = await tcpnet("report", at("torn"), "-o", at("torn.html"));
  expect([torn.code, torn.err]).toEqual([0, expect.stringContaining("1 line could not be read")]);
});
