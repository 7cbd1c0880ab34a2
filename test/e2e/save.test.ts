/** The replay files of host and peer: what was recorded in real time, each with its own capture. */
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { TCPNET } from "../support/built-program.ts";
import { bothWell, HOST, labTest, PEER } from "./lab.ts";

labTest(
  "--save of host and peer keeps flags, link, events and capture, and both files make one report",
  async (lab) => {
    lab.random("a", 100_000);
    const [h, p] = [lab.file("host.replay"), lab.file("peer.replay")];
    const host = lab.tcpnet(...HOST, "--send", "/dev/null", "--recv", lab.file("copy"), "--save", h);
    await host.says(/waiting/);
    const flags = ["--loss", "2%", "--seed", "5", "-w", lab.file("peer.pcapng"), "--save", p];
    const [, ended] = await bothWell(
      host,
      lab.tcpnet(...PEER, "--send", lab.file("a"), "--recv", "/dev/null", ...flags),
    );
    expect(ended.stderr).toContain("peer.replay: open it with tcpnet replay");
    expect(lab.sha256("copy")).toBe(lab.sha256("a"));
    const page = lab.file("page.html");
    const text = await lab.ns.must([...TCPNET, "replay", p, "-o", page, "-w", lab.file("again.pcapng")]);
    expect(text).toContain(`tcpnet ${PEER.join(" ")} --`);
    expect(text).toContain("recorded in real time");
    expect(text).toMatch(/link +loss 2%/);
    expect(text).toMatch(/verdict +100 kB in/);
    expect(readFileSync(lab.file("again.pcapng")).equals(readFileSync(lab.file("peer.pcapng")))).toBe(true);
    const both = JSON.parse(await lab.ns.must([...TCPNET, "report", h, p, "-o", page, "--json"]));
    expect(both.runs[0].verdicts[0].direction).toMatch(/^peer 10\.0\.1\.5:\d+ → 10\.0\.0\.7:7000$/);
  },
);
