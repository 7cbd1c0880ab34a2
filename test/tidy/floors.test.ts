/** Imports point down only; the clock, randomness and the system are where they belong (docs/ARCHITECTURE.md, Floors). */
import { expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { codeOf, filesOf, findings, type SourceFile } from "./sources.ts";

const files = filesOf("src/*.ts", "ffi/*.ts");
const transpiler = new Bun.Transpiler({ loader: "ts" });

/** What each folder may import, beside itself. `device` and `driver` stand side by side above `stack`. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  base: [],
  ffi: [],
  wire: ["base"],
  ip: ["base", "wire"],
  icmp: ["base", "wire", "ip"],
  tcp: ["base", "wire", "ip"],
  udp: ["base", "wire", "ip"],
  stack: ["base", "wire", "ip", "icmp", "tcp", "udp"],
  device: ["base", "wire", "ip", "ffi"],
  driver: ["base", "device", "stack"],
  observe: ["base", "wire", "ip", "tcp", "device", "stack", "ffi"],
  socket: ["base", "wire", "ip", "icmp", "tcp", "stack", "device", "driver", "observe"],
  node: ["ip", "socket"],
  report: ["base", "device", "tcp", "observe"],
  explain: ["base", "wire", "ip", "tcp", "observe", "report"],
  netup: ["base", "wire", "ip", "device", "ffi"],
  sim: ["base", "wire", "ip", "icmp", "tcp", "stack", "device", "driver", "observe", "socket"],
  world: ["base", "wire", "ip", "icmp", "device", "driver", "observe", "socket", "node", "report", "sim"],
  lessons: ["base", "ip", "icmp", "tcp", "stack", "device", "observe", "sim", "report"],
  drill: ["base", "wire", "ip", "icmp", "tcp", "stack", "device", "driver", "observe", "sim", "socket"],
  kernel: ["base", "device", "drill", "ffi"],
  chaos: ["base", "wire", "ip", "icmp", "device", "driver", "ffi"],
  bench: ["base", "wire", "tcp", "stack", "device", "socket"],
  cli: [
    "base",
    "wire",
    "ip",
    "icmp",
    "tcp",
    "stack",
    "device",
    "driver",
    "observe",
    "report",
    "explain",
    "socket",
    "netup",
    "sim",
    "lessons",
    "drill",
    "kernel",
    "chaos",
    "bench",
    "ffi",
  ],
  // The package's doors, and what builds it.
  index: ["base", "device", "driver", "observe", "socket", "stack", "tcp"],
  package: ["device", "ffi", "observe", "report", "socket", "sim", "world"],
};

/**
 * "src/tcp/words/seq.ts" is of "tcp", "ffi/libc.ts" of "ffi", "src/index.ts" of "index". The lab's products are floors of their
 * own: "src/lab/sim/wire.ts" is of "sim", and the drill's target that is this machine is of "kernel".
 */
function floorOf(path: string): string {
  if (path.startsWith("src/lab/drill/targets/kernel/")) return "kernel";
  const [top, folder, product] = path.split("/") as [string, string | undefined, string | undefined];
  if (top === "ffi") return "ffi";
  return folder === "lab" ? product! : folder!.replace(/\.ts$/, "");
}

/** Files named by imports, types included: `scanImports` leaves types out, and a type points up as well as a value does. */
function importsOf(file: SourceFile): string[] {
  const values = transpiler.scanImports(file.text).map((found) => found.path);
  const types = [...file.text.matchAll(/^(?:import|export) type [^;]*? from "([^"]+)"/gm)].map((match) => match[1]!);
  return [...new Set([...values, ...types])];
}

/** The floor that an import leads to, or the package or module that it names. */
function target(file: SourceFile, path: string): { readonly floor?: string; readonly module?: string } {
  if (path.startsWith("#ffi/")) return { floor: "ffi" };
  if (path.startsWith("#")) return { floor: floorOf(`src/${path.slice(1)}.ts`) };
  if (path.startsWith(".")) {
    const there = join(dirname(file.path), path);
    return there === "package.json" ? { module: "package.json" } : { floor: floorOf(there) };
  }
  return { module: path };
}

test("every folder has its floor", () => {
  expect([...new Set(files.map((file) => floorOf(file.path)))].filter((floor) => MAY[floor] === undefined)).toEqual([]);
});

/** What is above and is loaded only when somebody calls it, by `import()`: the package chooses by the runtime what that is. */
const LAZY = new Set(["src/socket/stack-fetch.ts imports #node/fetch"]);

test("imports point down only, but for what is loaded when it is called", () => {
  const wrong = files.flatMap((file) => {
    const own = floorOf(file.path);
    return importsOf(file)
      .map((path) => ({ path, floor: target(file, path).floor }))
      .filter(({ floor }) => floor !== undefined && floor !== own && !MAY[own]?.includes(floor))
      .map(({ path }) => `${file.path} imports ${path}`);
  });
  expect(wrong).toEqual([...LAZY]);
  const kinds = [...LAZY].map((lazy) => {
    const [from, path] = lazy.split(" imports ");
    const { text } = files.find((file) => file.path === from)!;
    return transpiler.scanImports(text).find((found) => found.path === path)?.kind;
  });
  expect(kinds).toEqual(["dynamic-import"]);
});

test("no folder imports itself by its name, no import of this repository has a path of its own kind", () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter(
        (path) => path.startsWith("#") && (target(file, path).floor === floorOf(file.path) || path.endsWith(".ts")),
      )
      .map((path) => `${file.path} imports ${path}`),
  );
  expect(wrong).toEqual([]);
});

/** Who may import what from outside: everybody else nothing. */
const OUTSIDE: readonly { readonly module: RegExp; readonly floors: readonly string[] }[] = [
  { module: /^bun:ffi$/, floors: ["ffi"] },
  { module: /^cac$/, floors: ["cli"] },
  { module: /^uplot$/, floors: ["report"] },
  { module: /^node:(stream|events|os|net|http|https|tls|zlib)$/, floors: ["node"] },
  { module: /^node:zlib$/, floors: ["report", "cli"] },
  { module: /^@dnsquery\/dns-packet$/, floors: ["socket"] },
  // Types, but for async_hooks: it takes the modules that it diverts from the runtime when it is loaded.
  { module: /^node:(async_hooks|events|http|https|stream|tls)$/, floors: ["world"] },
  { module: /^node:tty$/, floors: ["observe", "cli"] },
  { module: /^node:worker_threads$/, floors: ["socket", "cli"] },
  {
    module: /^node:(fs|os|path|net|crypto|url)$/,
    floors: ["ffi", "device", "observe", "netup", "cli", "drill", "socket", "chaos", "kernel", "report", "package"],
  },
  { module: /^package\.json$/, floors: ["cli"] },
];

test("bun:ffi is imported in ffi/ only, cac in src/cli only, the system above the stack only", () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .map((path) => target(file, path).module)
      .filter((module) => module !== undefined)
      .filter((module) => !OUTSIDE.some((rule) => rule.module.test(module) && rule.floors.includes(floorOf(file.path))))
      .map((module) => `${file.path} imports ${module}`),
  );
  expect(wrong).toEqual([]);
});

/** Programs that stand in the folder of what they run. */
const PROGRAMS = new Set(["src/lab/drill/main.ts"]);

const PURE = new Set(["base", "wire", "ip", "icmp", "tcp", "stack", "sim", "lessons", "drill"]);

test("below the driver, and in virtual time, nobody asks the clock, draws randomness, or knows the process", () => {
  const pure = files.filter((file) => PURE.has(floorOf(file.path)) && !PROGRAMS.has(file.path));
  const asks =
    /\b(?:Date|performance|process|Bun|setTimeout|setInterval|setImmediate|queueMicrotask)\b(?:\.|\()|\bMath\.random\b|\bcrypto\./g;
  expect(findings(pure, () => asks)).toEqual([]);
});

test("pointers stay in ffi/ and the TUN device", () => {
  const others = files.filter((file) => !/^ffi\/|^src\/device\/(tun|sigio)/.test(file.path));
  expect(findings(others, () => /\blibc\.(?:pin|unpin|ptr|read|write|writev)\b|\bptr\(/g)).toEqual([]);
});

test("a comment hides nothing from these rules, nor does a text", () => {
  expect(codeOf('a; // Date.now()\nb("Date.now()"); /* x\n Date.now() */ c')).not.toContain("Date");
  expect(codeOf("a\n/* x\n */ b").split("\n").length).toBe(3);
});
