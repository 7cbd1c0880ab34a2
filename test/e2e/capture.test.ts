/** Captures, as tshark reads them. */
import { expect } from "bun:test";
import { chmodSync, existsSync, readFileSync, renameSync } from "node:fs";
import { bothWell, HOST, type Lab, labTest, labTestWith, PEER } from "./lab.ts";

/**
 * Wireshark takes whatever uses port 7000 for Gryphon, and random octets at times for Thrift or another protocol that it
 * guesses by its first octets: malformed, then.
 */
const TSHARK = [
  "tshark",
  "-o",
  "tcp.check_checksum:TRUE",
  "-o",
  "ip.check_checksum:TRUE",
  "-d",
  "tcp.port==7000,data",
  "-o",
  "tcp.try_heuristic_first:FALSE",
];

async function read(lab: Lab, file: string, ...fields: readonly string[]): Promise<string[][]> {
  const wanted = fields.flatMap((field) => ["-e", field]);
  const text = await lab.ns.must([...TSHARK, "-r", file, "-T", "fields", ...wanted]);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t"));
}

/** What is wrong with packets in themselves. */
const BROKEN = "tcp.checksum.status == 0 || ip.checksum.status == 0 || _ws.malformed";
/** What tshark finds remarkable in their order, ordinary steps of a connection aside. */
const ODD = '(_ws.expert.severity >= "Warning" || tcp.analysis.flags) && !tcp.analysis.window_update';

async function shown(lab: Lab, filter: string, file: string): Promise<string> {
  return await lab.ns.must([...TSHARK, "-r", file, "-Y", filter]);
}

/** 4 MiB each way at once, captured on both sides. */
async function exchange(lab: Lab, flags: readonly string[]): Promise<readonly string[]> {
  const files = [lab.file("host.pcapng"), lab.file("peer.pcapng")] as const;
  const common = [...flags, "--send", lab.file("a"), "--recv", "/dev/null", "-w"];
  const host = lab.tcpnet(...HOST, ...common, files[0]);
  await host.says(/waiting/);
  await bothWell(host, lab.tcpnet(...PEER, ...common, files[1]));
  return files;
}

for (const offload of [true, false]) {
  const name = `a clean link shows nothing remarkable on either side${offload ? "" : ", without offload"}`;
  labTestWith(["tshark"], name, async (lab) => {
    let odd = "";
    // Where a program does not run for longer than an RTO, its peer sends again: that is the machine's doing, not ours.
    for (let attempt = 0; attempt < 3; attempt++) {
      odd = "";
      lab.random("a", 4 << 20);
      for (const file of await exchange(lab, offload ? [] : ["--no-offload"])) {
        expect(await shown(lab, BROKEN, file)).toBe("");
        odd += await shown(lab, ODD, file);
        const options = ["wscale.shift", "sack_perm", "timestamp.tsval"].map((option) => `tcp.options.${option}`);
        const syns = (await read(lab, file, "tcp.flags.syn", ...options)).filter(
          ([syn]) => syn === "True" || syn === "1",
        );
        expect(syns.length).toBeGreaterThanOrEqual(2);
        for (const [, shift, sack, stamp] of syns)
          expect([shift, sack !== "", stamp !== ""]).toEqual(["10", true, true]);
      }
      if (odd === "") break;
    }
    expect(odd).toBe("");
  });
}

labTestWith(
  ["tshark", "dumpcap", "tcpdump"],
  "dumpcap takes a live capture from standard output, with directions and the reason of what was sent",
  async (lab) => {
    const host = lab.tcpnet(...HOST);
    await host.says(/waiting/);
    const pipe = `$T ${PEER.join(" ")} --recv /dev/null -w - < /dev/null | dumpcap -q -i - -w ${lab.file("out.pcapng")}`;
    const peer = lab.shell(pipe);
    host.endInput();
    await bothWell(host, peer);
    const rows = await read(
      lab,
      lab.file("out.pcapng"),
      "frame.packet_flags_direction",
      "frame.comment",
      "tcp.flags.syn",
    );
    expect(rows[0]).toEqual([expect.stringMatching(/2$/), "active OPEN", expect.stringMatching(/1|True/)]);
    expect(rows[1]![0]).toMatch(/1$/);
    expect(rows.filter(([, why]) => why !== "").length).toBeGreaterThanOrEqual(3);
    const lines = await lab.ns.must(["tcpdump", "-nn", "-Z", "root", "-r", lab.file("out.pcapng")]);
    expect(lines.trimEnd().split("\n").length).toBe(rows.length);
  },
);

labTestWith(["tshark"], "tshark sees losses, retransmissions and SACK blocks", async (lab) => {
  lab.random("a", 600_000);
  const host = lab.tcpnet(...HOST, "--recv", "/dev/null", "-w", lab.file("host.pcapng"));
  const peer = lab.tcpnet(
    ...PEER,
    "--send",
    lab.file("a"),
    // Many small packets, that of 3 % some be lost whatever the timing.
    "--no-offload",
    "--loss",
    "3%",
    "--seed",
    "11",
    "-w",
    lab.file("peer.pcapng"),
  );
  host.endInput();
  await bothWell(host, peer);
  // tshark tells the two apart by how long after the segment behind it one comes.
  const resent = "tcp.analysis.retransmission || tcp.analysis.out_of_order";
  expect(await shown(lab, resent, lab.file("peer.pcapng"))).not.toBe("");
  const sacks = await lab.ns.must([...TSHARK, "-r", lab.file("host.pcapng"), "-Y", "tcp.options.sack_le"]);
  expect(sacks).not.toBe("");
  // What arrived has a comment as well: what it was for the stack.
  expect(await shown(lab, 'frame.comment contains "out-of-order data"', lab.file("host.pcapng"))).not.toBe("");
});

labTestWith(
  ["tshark", "tcpdump"],
  "the demo captures both ends, in two files that tshark and tcpdump read",
  async (lab) => {
    const flags = ["--memory", "--size", "200k", "--loss", "2%", "--seed", "3"];
    const demo = await lab.tcpnet("demo", ...flags, "-w", lab.file("d.pcapng")).ended;
    expect(demo.stderr + demo.stdout).toMatch(/wireshark \S+d\.pcapng/);
    expect(demo.code).toBe(0);
    for (const name of ["d.pcapng", "d-host.pcapng"]) {
      expect(await lab.ns.must(["tcpdump", "-n", "-r", lab.file(name)])).toContain("Flags [S.]");
      expect(await shown(lab, "tcp.flags.fin == 1", lab.file(name))).not.toBe("");
    }
  },
);

labTestWith(["tshark", "ping"], "SIGHUP starts a new capture file with the same name", async (lab) => {
  const file = lab.file("out.pcapng");
  // The program goes on as nobody, who makes the new file.
  chmodSync(lab.folder, 0o777);
  const host = lab.tcpnet(...HOST, "-w", file);
  await host.says(/waiting/);
  expect((await lab.ns.run(["ping", "-c1", "-W10", "10.0.0.7"])).code).toBe(0);
  renameSync(file, lab.file("old.pcapng"));
  host.child.kill("SIGHUP");
  for (let i = 0; i < 1_000 && !existsSync(file); i++) await Bun.sleep(20);
  expect((await lab.ns.run(["ping", "-c1", "-W10", "-s", "100", "10.0.0.7"])).code).toBe(0);
  host.child.kill("SIGINT");
  const { code, stderr } = await host.ended;
  // Port 7000 is Gryphon's for Wireshark.
  expect([code, stderr]).toEqual([130, expect.stringContaining(`wireshark --disable-protocol gryphon ${file}`)]);
  expect(await read(lab, lab.file("old.pcapng"), "ip.len")).toEqual([["84"], ["84"]]);
  expect(await read(lab, file, "ip.len")).toEqual([["128"], ["128"]]);
});

labTest("--explain prints each decision with its cause, --events writes all events", async (lab) => {
  lab.random("a", 600_000);
  const host = lab.tcpnet(...HOST, "--recv", "/dev/null");
  host.endInput();
  const why = ["--loss", "3%", "--seed", "11", "--no-offload", "--explain", "--events", lab.file("why.ndjson")];
  const peer = lab.tcpnet(...PEER, "--send", lab.file("a"), ...why);
  const [, { stderr }] = await bothWell(host, peer);
  expect(stderr).toMatch(/! 1448 bytes at \d+ considered lost\n/);
  expect(stderr).toMatch(/! duplicate ACKs show a loss → fast retransmit, cwnd [\d.]+ kB → [\d.]+ kB\n/);
  const [about, ...events] = readFileSync(lab.file("why.ndjson"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(about).toMatchObject({ schema: "tcpnet.event/2", event: "run:started", role: "peer", local: "10.0.1.5" });
  expect(stderr).toContain(`events  ${events.length} events written to `);
  const states = events.filter(({ event }) => event === "connectivity:state_updated").map((event) => event.new);
  expect(states.slice(0, 2)).toEqual(["SYN-SENT", "ESTABLISHED"]);
  const lost = events.filter(({ event }) => event === "recovery:packet_lost");
  const resent = events.filter(({ event, resent }) => event === "transport:packet_sent" && resent);
  // Not each: what was only late is acknowledged before its turn comes.
  const covers = (seq: number) => resent.some((tx) => tx.seq <= seq && seq < tx.seq + tx.length);
  expect(lost.filter(({ seq }) => covers(seq)).length).toBeGreaterThan(0);
});

labTest(
  "--json and --events have the same schema: a decision is the same object in both, except for its text",
  async (lab) => {
    lab.random("a", 400_000);
    const host = lab.tcpnet(...HOST, "--recv", "/dev/null");
    host.endInput();
    const why = ["--loss", "4%", "--seed", "11", "--no-offload", "--json", "--explain", "--events", lab.file("why")];
    const [, { stderr }] = await bothWell(host, lab.tcpnet(...PEER, "--send", lab.file("a"), ...why));
    const parse = (text: string) =>
      text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const [head, ...recorded] = parse(readFileSync(lab.file("why"), "utf8"));
    const told = parse(stderr);
    expect(new Set([head!.schema, ...told.map(({ schema }) => schema)])).toEqual(new Set(["tcpnet.event/2"]));
    const lines = new Set(recorded.map((event) => JSON.stringify(event, Object.keys(event).sort())));
    const decisions = told.filter(({ text }) => `${text}`.startsWith("! "));
    expect(decisions.some(({ event }) => event === "recovery:packet_lost")).toBe(true);
    for (const { schema, at, text, ...event } of decisions) {
      const line = JSON.stringify(event, Object.keys(event).sort());
      expect([line, lines.has(line)]).toEqual([line, true]);
    }
  },
);

labTest(
  "an event file that cannot be made is reported before anything begins: 1; only one stream can go to standard output",
  async (lab) => {
    const nowhere = await lab.tcpnet(...HOST, "--events", lab.file("no/such/folder/e")).ended;
    expect([nowhere.code, nowhere.stderr]).toEqual([
      1,
      expect.stringMatching(/cannot write \S*no\/such\/folder\/e\n.*does not exist/),
    ]);
    expect((await lab.ns.run(["ip", "link", "show", "tun0"])).code).toBe(0);
    const both = await lab.tcpnet(...HOST, "--events", "-", "-w", "-", "--recv", "/dev/null").ended;
    expect([both.code, both.stderr]).toEqual([2, expect.stringMatching(/both the capture and the events/)]);
  },
);
