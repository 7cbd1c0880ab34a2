/** examples/page in a real browser, bundled from the package: Debian's Chromium, which playwright-core drives. */
import { afterAll, beforeAll, expect } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { packed } from "./packed.ts";

const missing = lacks(["chromium"]);
const browserTest = (name: string, work: () => Promise<void>) => testUnless(missing, name, work);
const folder = mkdtempSync(join(tmpdir(), "tcpnet-page-"));
/** Pictures to look at: an artefact of the run. */
const PICTURES = join(ROOT, "node_modules/.cache/tcpnet-package-pictures");

/** A page's program that uses what only runtimes with Node's modules have. */
const FETCH = `import { createStack, pair } from "tcpnet";
const stack = await createStack({ device: pair()[0], address: "10.0.0.7/24" });
export const said: string = await stack.fetch("http://10.0.0.5/").then(() => "fetched", (error: Error) => \`\${error}\`);
await stack.close();
`;

let browser: Browser;
let server: Bun.Server<undefined>;

beforeAll(async () => {
  if (missing !== "") return;
  mkdirSync(PICTURES, { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  cpSync((await packed()).folder, join(folder, "node_modules/tcpnet"), { recursive: true });
  cpSync(join(ROOT, "examples/page/index.html"), join(folder, "index.html"));
  cpSync(join(ROOT, "examples/page/page.ts"), join(folder, "page.ts"));
  writeFileSync(join(folder, "fetch.ts"), FETCH);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const built = await Bun.build({
    entrypoints: [join(folder, "page.ts"), join(folder, "fetch.ts")],
    outdir: folder,
    target: "browser",
    throw: false,
  });
  expect(built.logs).toEqual([]);
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => {
      const { pathname } = new URL(url);
      const file = pathname === "/" ? "index.html" : pathname.slice(1);
      return ["index.html", "page.js", "fetch.js"].includes(file)
        ? new Response(Bun.file(join(folder, file)))
        : new Response("", { status: 204 });
    },
  });
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  browser = await chromium.launch({ executablePath: Bun.which("chromium")!, args });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

async function opened(): Promise<{ readonly page: Page; readonly wrong: string[] }> {
  const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
  const wrong: string[] = [];
  page.on("console", (message) => wrong.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`${error}`));
  await page.goto(server.url.href);
  return { page, wrong };
}

async function send(page: Page, link: string): Promise<string> {
  await page.fill("input", link);
  await page.click("button");
  await page.waitForFunction("!/^(?:sending.*)?$/.test(document.querySelector('#log').textContent)", undefined, {
    timeout: 60_000,
  });
  return (await page.textContent("#log"))!;
}

browserTest("two stacks in a page exchange data over a lossy link, and what is lost is sent again", async () => {
  const { page, wrong } = await opened();
  const text = await send(page, "delay 10ms loss 3%");
  expect(text).toMatch(
    /^delay 10ms loss 3%: handshake in \d+ ms\n300000 octets came back in [\d.]+ s, each as it was sent\n/,
  );
  const [, packets, lost] = /\n(\d+) packets, (\d+) lost by the link/.exec(text)!;
  expect([Number(packets) > 400, Number(lost) > 0]).toEqual([true, true]);
  const href = await page.getAttribute("#capture a", "href");
  const size = await page.evaluate(
    `fetch(${JSON.stringify(href)}).then((r) => r.arrayBuffer()).then((b) => b.byteLength)`,
  );
  expect(size).toBeGreaterThan(600_000);
  await page.screenshot({ path: join(PICTURES, "page.png") });
  expect(wrong).toEqual([]);
  await page.close();
});

browserTest("a link that is not understood is told on the page, and the next one works", async () => {
  const { page, wrong } = await opened();
  expect(await send(page, "los 3%")).toMatch(/column 1 of "los 3%"/);
  expect(await send(page, "clear")).toContain("each as it was sent");
  expect(wrong).toEqual([]);
  await page.close();
});

browserTest("stack.fetch in a page rejects, and says what it needs and what to use instead", async () => {
  const { page, wrong } = await opened();
  expect(await page.evaluate(`import("/fetch.js").then(({ said }) => said)`)).toBe(
    "CallError: stack.fetch needs node:http, which browsers, and bundles for them, do not have: " +
      "use Bun, Node.js or Deno, or speak HTTP over stack.connect",
  );
  expect(wrong).toEqual([]);
  await page.close();
});
