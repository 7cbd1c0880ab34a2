/** The package, installed from its tarball into projects of other people: it runs, compiles and bundles there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { ENTRIES } from "../../src/package/entries.ts";
import { lacksPackages, packagesFolder } from "../support/npm.ts";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";
import { chat } from "./chat.ts";
import { filesIn, type Packed, packed } from "./packed.ts";

const lacking = lacksPackages("package");
const toolTest = (name: string, work: () => Promise<void>) => testUnless(lacking, name, work);

const scratch = mkdtempSync(join(tmpdir(), "tcpnet-package-test-"));
let made: Packed;
let manifest: Manifest;

interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly imports: Readonly<Record<string, unknown>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies?: unknown;
  readonly private?: boolean;
}

beforeAll(async () => {
  made = await packed();
  manifest = JSON.parse(readFileSync(join(made.folder, "package.json"), "utf8"));
}, 120_000);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function run(command: readonly string[], cwd: string): Promise<Ran> {
  const env = { ...process.env, HOME: scratch, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const child = Bun.spawn([...command], { cwd, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, err };
}

/** A program of the packages that tests install. */
const tool = (path: string) => join(packagesFolder("package"), "node_modules", path);
const NODE = tool(`node-linux-${process.arch}/bin/node`);
const DENO = tool(`@deno/linux-${process.arch}-glibc/deno`);

const EXAMPLES = ["capture.ts", "chat.ts", "device.ts", "echo.ts", "page/page.ts"];

/** A project of somebody's with the package in it and the examples beside it; nothing is fetched. */
async function project(name: string, install: readonly string[]): Promise<string> {
  const folder = join(scratch, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, private: true, type: "module" }));
  cpSync(made.tarball, join(folder, "tcpnet.tgz"));
  for (const example of EXAMPLES) cpSync(join(ROOT, "examples", example), join(folder, basename(example)));
  const { code, out, err } = await run([...install, "./tcpnet.tgz"], folder);
  if (code !== 0) throw new Error(`${install.join(" ")} failed:\n${out}${err}`);
  return folder;
}

let withNpm: Promise<string> | undefined;
const npmProject = () =>
  (withNpm ??= project("with-npm", [
    NODE,
    tool("npm/bin/npm-cli.js"),
    "install",
    "--offline",
    "--no-audit",
    "--no-fund",
  ]));
let withBun: Promise<string> | undefined;
const bunProject = () => (withBun ??= project("with-bun", [process.execPath, "add", "--no-save"]));

/** The files that a built file imports, and those that they import; and what else is imported. */
function reach(file: string, files = new Set<string>(), outside = new Set<string>()) {
  if (files.has(file)) return { files, outside };
  files.add(file);
  const text = readFileSync(join(made.folder, "dist", file), "utf8");
  const specifiers = [...new Bun.Transpiler({ loader: "js" }).scanImports(text)].map(({ path }) => path);
  for (const path of specifiers) {
    if (path.startsWith("./")) reach(path.slice(2), files, outside);
    else outside.add(path);
  }
  return { files, outside };
}

describe("the tarball", () => {
  test("has what its exports name, a source map for each file, a licence, and is under 2 MB", () => {
    const files = filesIn(made.folder);
    expect(Object.keys(manifest.exports)).toEqual([...Object.keys(ENTRIES), "./package.json"]);
    for (const target of Object.values(manifest.exports)) {
      for (const path of typeof target === "string" ? [target] : Object.values(target)) {
        expect(files).toContain(path.slice(2));
      }
    }
    const code = files.filter((path) => path.endsWith(".js"));
    expect(code.length).toBeGreaterThan(Object.keys(ENTRIES).length);
    for (const path of code) {
      const named = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(readFileSync(join(made.folder, path), "utf8"))?.[1];
      const map = JSON.parse(readFileSync(join(made.folder, "dist", named!), "utf8"));
      expect([named, map.sourcesContent.length]).toEqual([`${basename(path)}.map`, map.sources.length]);
    }
    expect(files).toContain("LICENSE");
    // Of what is bundled.
    expect(files).toContain("dist/LICENSES-OF-OTHERS.txt");
    expect(
      files.filter(
        (path) => !/^(?:dist|docs|examples|src\/socket)\/|^(?:package\.json|LICENSE|[A-Z]+\.md)$/.test(path),
      ),
    ).toEqual([]);
    expect(statSync(made.tarball).size).toBeLessThan(2e6);
  });

  test("has every example and page that its own pages name, and every example imports the package", () => {
    const files = new Set(filesIn(made.folder));
    const pages = ["LIBRARY", "NODE", "SIM"].map((name) => readFileSync(join(made.folder, `docs/${name}.md`), "utf8"));
    const links = pages.flatMap((page) => [...page.matchAll(/\]\(\.\.\/(examples\/[^)]+)\)|\]\(([A-Z]+\.md)\)/g)]);
    const named = new Set(links.map(([, example, page]) => example ?? `docs/${page}`));
    expect(named.size).toBeGreaterThan(6);
    expect([...named].filter((path) => !files.has(path))).toEqual([]);
    const examples = [...files].filter((path) => /^examples\/.*\.ts$/.test(path));
    const outside = examples.filter((path) => /from "\.\./.test(readFileSync(join(made.folder, path), "utf8")));
    expect([examples.length > 8, outside]).toEqual([true, []]);
  });

  test("has whatever its pages link to: other pages, pictures, sources", () => {
    const files = filesIn(made.folder);
    const there = new Set(
      files.flatMap((path) => path.split("/").map((_, i, parts) => parts.slice(0, i + 1).join("/"))),
    );
    const links = files
      .filter((path) => path.endsWith(".md"))
      .flatMap((page) => {
        const text = readFileSync(join(made.folder, page), "utf8");
        return [...text.matchAll(/\]\(([^)\s]+)\)|\b(?:src|href)="([^"]+)"/g)].map(([, link, html]) => [
          page,
          link ?? html!,
        ]);
      })
      .filter(([, link]) => !/^(?:[a-z]+:|#)/.test(link!));
    expect(links.length).toBeGreaterThan(50);
    const dead = links.filter(
      ([page, link]) => !there.has(join(dirname(page!), link!.replace(/#.*/, "")).replace(/\/$/, "")),
    );
    expect(dead).toEqual([]);
  });

  test("brings nothing else along, and runs nothing when it is installed", () => {
    expect(Object.keys(manifest.scripts).filter((name) => /install|^prepare$/.test(name))).toEqual([]);
    expect([manifest.dependencies, manifest.private]).toEqual([undefined, undefined]);
  });

  test("the core and tcpnet/pcap import no modules of the system, and nothing imports bun:ffi", () => {
    // What fetch is made of is imported when it is called, and only where the runtime has it.
    for (const [file, lazy] of [
      ["index.js", ["#fetch"]],
      ["pcap.js", []],
      ["no-fetch.js", []],
    ] as const) {
      expect([file, ...reach(file).outside]).toEqual([file, ...lazy]);
    }
    for (const path of Object.values(manifest.imports["#fetch"] as Record<string, string>)) {
      expect(filesIn(made.folder)).toContain(path.slice(2));
    }
    const system = ["node.js", "sim.js", "tun.js"].flatMap((file) => [...reach(file).outside]);
    expect(system).toContain("node:stream");
    expect([...new Set(system.filter((path) => !path.startsWith("node:")))]).toEqual(["#fetch"]);
  });

  test("declarations have no statement about the engine's insides", () => {
    const insides = /\b(?:Tcb|Slab|Stack|Connections|Demux|TcpNetStack|EngineStack|Records)\b/;
    const declarations = filesIn(join(made.folder, "dist/types"));
    expect(declarations.length).toBeGreaterThan(20);
    const leaks = declarations.flatMap((path) => {
      const text = readFileSync(join(made.folder, "dist/types", path), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
      return text.split("\n").flatMap((line) => (insides.test(line) ? [`${path}: ${line.trim()}`] : []));
    });
    expect(leaks).toEqual([]);
  });
});

describe("in somebody's project", () => {
  const SAID = "hello over TCP\nTIME-WAIT true\n";

  toolTest("installed by npm without a network, Node.js 22 runs the examples", async () => {
    const folder = await npmProject();
    expect((await run([NODE, "--version"], folder)).out).toMatch(/^v22\./);
    expect(await run([NODE, "--no-warnings", "echo.ts"], folder)).toEqual({ code: 0, out: SAID, err: "" });
    const device = await run([NODE, "--no-warnings", "device.ts"], folder);
    expect(device).toEqual({ code: 0, out: "100000 true\n", err: "" });
    const capture = await run([NODE, "--no-warnings", "capture.ts"], folder);
    expect([capture.code, capture.err]).toEqual([0, expect.stringMatching(/^\d+ packets\n$/)]);
  });

  toolTest("what Node.js and Deno print of an error begins with the name of its class", async () => {
    const folder = await npmProject();
    writeFileSync(
      join(folder, "errors.mjs"),
      `import { CallError, ConnectionError } from "tcpnet";
import { WorldError } from "tcpnet/sim";
for (const Kind of [CallError, ConnectionError, WorldError]) console.log(new Kind("EINVAL", "in words"), Kind.name);`,
    );
    const heads = /^(\w+: in words)\n[^{]*\{\s+code: ['"]EINVAL['"],?\s+\} (\w+)$/gm;
    for (const command of [[NODE], [DENO, "run", "--no-prompt", "--node-modules-dir=manual"]]) {
      const { code, out } = await run([...command, "errors.mjs"], folder);
      const named = [...out.matchAll(heads)].map(([, head, name]) => `${head} ${name}`);
      const names = ["CallError", "ConnectionError", "WorldError"];
      expect([code, named]).toEqual([0, names.map((name) => `${name}: in words ${name}`)]);
    }
  });

  toolTest("Node.js and Deno join a chat that Bun serves: the packets travel in WebSocket messages", async () => {
    const folder = await npmProject();
    const node = [NODE, "--no-warnings", "chat.ts"];
    const deno = [DENO, "run", "--no-prompt", "--allow-net=127.0.0.1", "--node-modules-dir=manual", "chat.ts"];
    const [ada, bob] = await chat([process.execPath, "chat.ts"], [node, deno], folder);
    expect(ada).toEqual([expect.stringMatching(/^(?:Bob: here\n)?Ada: hello\nBob: hello, Ada\n$/), 0]);
    expect(bob).toEqual(["Bob: here\nAda: hello\nBob: hello, Ada\n", 0]);
  });

  toolTest("Deno runs them, with the permissions of a program that touches nothing", async () => {
    const folder = await npmProject();
    const ran = await run([DENO, "run", "--no-prompt", "--node-modules-dir=manual", "echo.ts"], folder);
    expect(ran).toEqual({ code: 0, out: SAID, err: "" });
  });

  test("installed by bun, Bun runs them", async () => {
    const folder = await bunProject();
    expect(await run([process.execPath, "echo.ts"], folder)).toEqual({ code: 0, out: SAID, err: "" });
  });

  toolTest(
    "where the runtime has no FFI, openTun says that it needs Bun; captures can be files, and no pipes",
    async () => {
      const folder = await npmProject();
      writeFileSync(
        join(folder, "tun.mjs"),
        `import { CaptureFile, openTun, OutputError, SystemError } from "tcpnet/tun";
const kind = (error) => [SystemError, OutputError].find((each) => error instanceof each)?.name;
for (const attempt of [() => openTun({ name: "tun0" }), () => new CaptureFile({ name: "a", path: "-" })]) {
  try { attempt(); console.log("opened"); } catch (error) { console.log(kind(error), error.message); }
}
const capture = new CaptureFile({ name: "a", path: "a.pcapng" });
await capture.close();
console.log(capture.error, capture.packets);`,
      );
      const { code, out, err } = await run([NODE, "tun.mjs"], folder);
      const lines = [
        "SystemError dlopen on the C library: cannot access a needed shared library (ELIBACC). " +
          "TUN devices need Bun on Linux: this runtime has no bun:ffi.",
        "OutputError cannot write the capture -: in this runtime it must be a file on a disk, " +
          "since only Bun can write to others without waiting",
        "null 0",
      ];
      expect({ code, err, lines: out.trim().split("\n") }).toEqual({ code: 0, err: "", lines });
      expect(statSync(join(folder, "a.pcapng")).size).toBeGreaterThan(20);
    },
  );

  /** A user's file: every entry, some calls, and a mistake that must be seen. What is in Node's shape has Node's types. */
  const own = Object.keys(ENTRIES).filter((entry) => entry !== "./node" && entry !== "./sim");
  const USE = `declare const console: { log(...what: unknown[]): void };
${own.map((entry, i) => `import * as e${i} from "tcpnet${entry.slice(1)}"; console.log(e${i});`).join("\n")}
import { createStack, pair, type Device, type Socket, type TraceEvent } from "tcpnet";
const [a] = pair();
const stack = await createStack({ device: a, address: "10.0.0.1/24", trace: 100 });
stack.onEvents = (events: readonly TraceEvent[]) => events.forEach(({ event, time }) => console.log(event.toUpperCase(), time + 1));
const socket: Socket = stack.connect("10.0.0.2:80", { timeout: 1000 });
const n: number = socket.write(new Uint8Array(3));
const device: Device = a;
console.log(n, device.mtu);
stack.listen({ port: 80, socket: { data: (_, bytes) => console.log(bytes.length) } });
// @ts-expect-error an async handler would keep its view for too long
stack.listen({ port: 81, socket: { data: async () => {} } });
// @ts-expect-error there is no such option: the types are known, and not any
stack.connect("10.0.0.2:80", { timeuot: 1 });
`;
  const DOM = `import type { Socket } from "tcpnet";
export async function text(socket: Socket, signal: AbortSignal): Promise<string> {
  await new Blob(["x"]).stream().pipeTo(socket.writable, { signal });
  return new Response(socket.readable).text();
}
export const decoded = (socket: Socket): ReadableStream<string> => socket.readable.pipeThrough(new TextDecoderStream());`;
  const COMPILERS = {
    "TypeScript 6": () => [NODE, tool("typescript/bin/tsc")],
    "TypeScript 7": () => [join(ROOT, "node_modules/.bin/tsc")],
  };
  const MODES = [
    ["esnext", "bundler"],
    ["nodenext", "nodenext"],
  ] as const;
  for (const [name, compiler] of Object.entries(COMPILERS)) {
    for (const [module, moduleResolution] of MODES) {
      toolTest(
        `${name}, strict and ${moduleResolution}, finds nothing wrong without the DOM, or with it alone`,
        async () => {
          const folder = await npmProject();
          const strict = { strict: true, noEmit: true, target: "es2022", types: [], module, moduleResolution };
          const projects = {
            use: { compilerOptions: { ...strict, lib: ["es2022"], skipLibCheck: false }, files: ["use.ts"] },
            // With the DOM, the real streams and signals are meant.
            dom: {
              compilerOptions: { ...strict, lib: ["es2022", "dom", "dom.iterable", "dom.asynciterable"] },
              files: ["dom.ts", "page.ts"],
            },
          };
          writeFileSync(join(folder, "use.ts"), USE);
          writeFileSync(join(folder, "dom.ts"), DOM);
          for (const [project, config] of Object.entries(projects)) {
            writeFileSync(join(folder, `${project}.json`), JSON.stringify(config));
            const ran = await run([...compiler(), "-p", `${project}.json`], folder);
            expect(ran).toEqual({ code: 0, out: "", err: "" });
          }
        },
      );
    }
  }

  const WITH = {
    "Node.js'": { types: ["node"], typeRoots: [tool("@types")] },
    "Bun's": { types: ["bun-types"], typeRoots: [join(ROOT, "node_modules")] },
  };
  for (const [whose, settings] of Object.entries(WITH)) {
    toolTest(`tsc --strict finds nothing wrong with all entries and ${whose} types`, async () => {
      const folder = await npmProject();
      const lines = Object.keys(ENTRIES).map((entry, i) => `export * as e${i} from "tcpnet${entry.slice(1)}";`);
      const use = `import { nodeNet } from "tcpnet/node";
import { createStack, pair } from "tcpnet";
const net = nodeNet(await createStack({ device: pair()[0], address: "10.0.0.1/24" }));
net.createServer((socket) => socket.end("hello")).listen(80);
`;
      writeFileSync(join(folder, "all.ts"), use + lines.join("\n"));
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: true,
        target: "es2022",
        lib: ["es2022"],
        module: "nodenext",
        ...settings,
      };
      writeFileSync(join(folder, "all.json"), JSON.stringify({ compilerOptions, files: ["all.ts"] }));
      const compiler = join(ROOT, "node_modules/.bin/tsc");
      expect(await run([compiler, "-p", "all.json"], folder)).toEqual({ code: 0, out: "", err: "" });
      // The declarations of the package itself, which skipLibCheck leaves out.
      const checked = await run([compiler, "-p", "all.json", "--skipLibCheck", "false"], folder);
      expect(checked.out.split("\n").filter((line) => line.includes("node_modules/tcpnet/"))).toEqual([]);
    });
  }

  /** What each bundler makes of a program, run by Node. Nothing may be warned of. */
  async function bundled(folder: string, program: string, target: "browser" | "node"): Promise<Ran[]> {
    const esbuild = [
      "--bundle",
      `--platform=${target}`,
      "--format=esm",
      "--log-level=warning",
      "--outfile=esbuild.mjs",
    ];
    const bundlers = {
      esbuild: [NODE, tool("esbuild/bin/esbuild"), program, ...esbuild],
      bun: [process.execPath, "build", program, `--target=${target}`, "--outfile=bun.mjs"],
    };
    const ran: Ran[] = [];
    for (const [name, command] of Object.entries(bundlers)) {
      const { code, out, err } = await run(command, folder);
      expect([name, code, /warn|error/i.test(out + err) ? out + err : ""]).toEqual([name, 0, ""]);
      ran.push(await run([NODE, `${name}.mjs`], folder));
    }
    return ran;
  }

  toolTest("esbuild and bun build bundle it for browsers, and the bundles run", async () => {
    const echoed = { code: 0, out: SAID, err: "" };
    expect(await bundled(await npmProject(), "echo.ts", "browser")).toEqual([echoed, echoed]);
  });

  /** A program that imports the core alone. */
  const FETCH = `import { createStack, pair } from "tcpnet";
const [a, b] = pair();
const host = await createStack({ device: a, address: "10.0.0.7/24" });
const peer = await createStack({ device: b, address: "10.0.0.5/24", resolve: () => ["10.0.0.7"] });
const answer = new TextEncoder().encode("HTTP/1.1 200 OK\\r\\ncontent-length: 5\\r\\n\\r\\nhello");
host.listen({ port: 80, socket: { data: (socket) => void socket.write(answer) } });
const { fetch } = peer;
console.log(await fetch("http://server/").then((response) => response.text(), ({ code }) => code));
await Promise.all([host.close(), peer.close()]);
`;

  toolTest("stack.fetch of the core works in Bun, Node.js and Deno", async () => {
    const folder = await npmProject();
    writeFileSync(join(folder, "fetch.mjs"), FETCH);
    for (const command of [[process.execPath], [NODE], [DENO, "run", "--no-prompt", "--node-modules-dir=manual"]]) {
      expect(await run([...command, "fetch.mjs"], folder)).toEqual({ code: 0, out: "hello\n", err: "" });
    }
  });

  toolTest("a bundle for Node.js has stack.fetch, one for browsers refuses it, and nothing is warned of", async () => {
    const folder = await npmProject();
    writeFileSync(join(folder, "fetch.mjs"), FETCH);
    for (const [target, out] of [
      ["node", "hello\n"],
      ["browser", "EOPNOTSUPP\n"],
    ] as const) {
      const ran = { code: 0, out, err: "" };
      expect(await bundled(folder, "fetch.mjs", target)).toEqual([ran, ran]);
    }
  });
});
