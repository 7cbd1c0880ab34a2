/** The page in a real browser: Debian's Chromium, which playwright-core drives. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { reportHtml } from "#report/html";
import type { Run } from "#report/model/run";
import { ROOT } from "../support/root.ts";
import { testUnless } from "../support/test-unless.ts";
import { lacks } from "../support/tools.ts";
import { recorded } from "./runs.ts";

const missing = lacks(["chromium"]);
const browserTest = (name: string, work: () => Promise<void>) => testUnless(missing, name, work);
const folder = mkdtempSync(join(tmpdir(), "tcpnet-report-"));
/** Pictures to look at: an artefact of the run. */
const PICTURES = join(ROOT, "node_modules/.cache/tcpnet-report");

let browser: Browser;

beforeAll(async () => {
  if (missing !== "") return;
  mkdirSync(PICTURES, { recursive: true });
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  browser = await chromium.launch({ executablePath: Bun.which("chromium")!, args });
});

afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Opened {
  readonly page: Page;
  /** What the browser complained of, and what the page asked of the network. */
  readonly wrong: string[];
}

async function open(runs: Readonly<Record<string, Run>>, colorScheme: "light" | "dark" = "light"): Promise<Opened> {
  const named = Object.entries(runs).map(([name, run]) => ({ name, run }));
  const path = join(folder, `${Bun.randomUUIDv7()}.html`);
  writeFileSync(path, await reportHtml(named, { title: "a test", program: "tcpnet test" }));
  const page = await browser.newPage({ viewport: { width: 1300, height: 900 }, colorScheme });
  const wrong: string[] = [];
  page.on("console", (message) => wrong.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`${error}`));
  page.on("request", (request) => {
    if (!/^(?:file|data|blob):/.test(request.url())) wrong.push(`asked for ${request.url()}`);
  });
  await page.goto(`file://${path}`);
  await page.waitForFunction("document.documentElement.dataset.ready !== undefined", undefined, { timeout: 60_000 });
  return { page, wrong };
}

/** The words of the axis below a chart are in its canvas: what is shown is told by the number of packets in the table. */
const shown = async (page: Page) =>
  Number((await page.textContent(".table .note"))!.replaceAll(",", "").match(/^(\d+)(?: of \d+)? packets/)?.[1]);

let made: Run | undefined;
const lossy = () => (made ??= recorded({ link: "delay 20ms loss 2% rate 10mbit queue 40", bytes: 600_000, seed: 7 }));

describe("a report in the browser", () => {
  browserTest("opens with the verdict first and every picture, and complains of nothing", async () => {
    const run = lossy();
    const { page, wrong } = await open({ run });
    expect(await page.textContent(".verdict p:first-child")).toMatch(/^600 kB in [\d.]+ m?s, [\d.]+ Mbit\/s\./);
    const charts = await page.$$eval("[data-chart]", (all) => all.map((each) => each.getAttribute("data-chart")));
    expect(charts).toEqual(["limits", "sequence", "windows", "trips", "rates", "queue", "states", "ladder", "packets"]);
    expect(await shown(page)).toBe(run.packets.time.filter((_, i) => run.packets.connection[i] === 0).length);
    // Each picture has something drawn in it.
    const blank = await page.$$eval(
      "[data-chart] canvas",
      (all) =>
        all.filter((each) => {
          const canvas = each as unknown as { width: number; height: number; getContext(kind: string): unknown };
          type Context = { getImageData(x: number, y: number, w: number, h: number): { data: Uint8ClampedArray } };
          const { data } = (canvas.getContext("2d") as Context).getImageData(0, 0, canvas.width, canvas.height);
          return !data.some((byte) => byte !== 0);
        }).length,
    );
    expect(blank).toBe(0);
    await page.screenshot({ path: join(PICTURES, "light.png"), fullPage: true });
    expect(wrong).toEqual([]);
    await page.close();
  });

  browserTest("zooms by mouse and by keys, in all pictures at once, and back", async () => {
    const { page, wrong } = await open({ run: lossy() });
    const all = await shown(page);
    const over = page.locator('[data-chart="windows"] .u-over');
    await over.scrollIntoViewIfNeeded();
    const box = (await over.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 4 });
    await page.mouse.up();
    await page.waitForTimeout(200);
    const part = await shown(page);
    expect([part > 0, part < all * 0.7]).toEqual([true, true]);
    await page.keyboard.press("+");
    await page.waitForTimeout(200);
    expect(await shown(page)).toBeLessThan(part);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("0");
    await page.waitForTimeout(200);
    expect(await shown(page)).toBe(all);
    // A piece of evidence shows its own time.
    await page.click(".verdict p:nth-child(2) button");
    await page.waitForTimeout(200);
    expect(await shown(page)).toBeLessThan(all);
    expect(wrong).toEqual([]);
    await page.close();
  });

  browserTest("says the values under the pointer, and marks the packet that is clicked in the table", async () => {
    const { page, wrong } = await open({ run: lossy() });
    const windows = page.locator('[data-chart="windows"] .u-over');
    await windows.scrollIntoViewIfNeeded();
    await windows.hover({ position: { x: 300, y: 60 } });
    expect(await page.textContent('[data-chart="windows"] .u-legend')).toMatch(/cwnd[\d.]+ kB/);
    await page.keyboard.press("n");
    await page.waitForTimeout(300);
    const picked = page.locator(".line.picked");
    expect(await picked.count()).toBe(1);
    expect(await picked.textContent()).toMatch(/lost at random|the queue in front/);
    expect(wrong).toEqual([]);
    await page.close();
  });

  browserTest("finds packets by words, with the rule, its RFC, and what the link says to the inference", async () => {
    const run = lossy();
    const { page, wrong } = await open({ run });
    await page.keyboard.press("/");
    await page.keyboard.type("fast-retransmit");
    await page.waitForTimeout(400);
    const rule = run.rules.findIndex(({ name }) => name === "tcp.tx.fast-retransmit");
    expect(await shown(page)).toBe(run.packets.cause.filter((cause) => cause === rule).length);
    const line = await page.textContent(".line");
    expect(line).toContain("RFC 8985 §6.2");
    expect(line).toMatch(/true: the original of [\d.]+ s was dropped \(link\.(loss|queue-full)\)/);
    expect(wrong).toEqual([]);
    await page.close();
  });

  browserTest("is dark where the reader's system is, and turns by a key", async () => {
    const { page, wrong } = await open({ run: lossy() }, "dark");
    const back = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(await back()).toBe("rgb(18, 22, 31)");
    await page.screenshot({ path: join(PICTURES, "dark.png"), fullPage: true });
    await page.keyboard.press("t");
    await page.waitForTimeout(200);
    expect(await back()).toBe("rgb(255, 255, 255)");
    await page.emulateMedia({ media: "print" });
    expect(await page.locator(".table").isVisible()).toBe(false);
    expect(wrong).toEqual([]);
    await page.close();
  });

  browserTest("lists several connections, the worst first, and filters them", async () => {
    const run = recorded({ link: "delay 20ms loss 1% rate 20mbit queue 50", bytes: 100_000, flows: 4, seed: 3 });
    const { page, wrong } = await open({ run });
    expect(await page.locator(".overview tbody tr").count()).toBe(4);
    await page.fill(".overview input", ":7002");
    expect(await page.locator(".overview tbody tr").count()).toBe(1);
    await page.click(".overview tbody tr");
    expect(await page.textContent(".view h2")).toContain(":7002");
    expect(wrong).toEqual([]);
    await page.close();
  });

  browserTest("shows two runs side by side", async () => {
    const runs = {
      before: lossy(),
      after: recorded({ link: "delay 20ms rate 10mbit queue 40", bytes: 600_000, seed: 7 }),
    };
    const { page, wrong } = await open(runs);
    expect(await page.locator(".view").count()).toBe(2);
    expect(await page.textContent(".compare thead")).toContain("beforeafterchange");
    expect(await page.textContent(".compare")).toMatch(/lost packets\d+\d/);
    await page.screenshot({ path: join(PICTURES, "two.png"), fullPage: true });
    expect(wrong).toEqual([]);
    await page.close();
  });
});
