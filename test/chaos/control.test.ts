import { describe, expect, spyOn, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askControl, type Controlled, control, controlFolder, controlPath, listenForControl } from "#chaos/control";
import { readTrace } from "#cli/link-flags";
import { linkText } from "#device/link-text";
import { parseLinks } from "#device/link-words";

function link(): Controlled {
  let profiles = parseLinks("delay 20ms out loss 1%");
  return {
    profiles: () => profiles,
    set: (wanted) => {
      profiles = wanted;
    },
    counts: () => ({ out: { "link.offered": 3 }, in: {} }),
  };
}

describe("one line", () => {
  test("show tells the link in the words that make it", () => {
    expect(control(link(), "show").text).toBe("out delay 20ms loss 1% in delay 20ms");
  });

  test("set begins with a clear link, change with what there is, clear ends all", () => {
    const it = link();
    expect(control(it, "change in loss 3%").text).toBe("out delay 20ms loss 1% in delay 20ms loss 3%");
    expect(control(it, "set rate 1mbit").text).toBe("rate 1mbit");
    expect(linkText(it.profiles().in)).toBe("rate 1mbit");
    expect(control(it, "clear").text).toBe("clear");
  });

  test("what cannot be understood is told and changes nothing", () => {
    const it = link();
    const before = it.profiles();
    const odd = ["", "sett loss 1%", "set loss", "set losss 1%", "change delay 1", "set trace /no/such/file"];
    // To forget the words is not to ask for a clear link.
    const forgotten = ["set", "set ", "change", "clear loss", "show out"];
    for (const line of [...odd, ...forgotten]) {
      expect([line, control(it, line, readTrace).ok]).toEqual([line, false]);
    }
    expect(it.profiles()).toBe(before);
  });

  test("where it went wrong is pointed at", () => {
    expect(control(link(), "set delay 20ms loss much").text).toMatch(/\(column 17\)\ndelay 20ms loss much\n {16}\^$/);
  });
});

describe("over a socket", () => {
  test("the last of several takes our own folder along, whoever made it", async () => {
    const before = process.env.XDG_RUNTIME_DIR;
    const user = spyOn(process as { getuid: () => number }, "getuid").mockReturnValue(1);
    const above = mkdtempSync(join(tmpdir(), "link-"));
    process.env.XDG_RUNTIME_DIR = above;
    try {
      const folder = controlFolder();
      expect(folder).toBe(join(above, "tcpnet"));
      const first = await listenForControl(controlPath("a"), link());
      const second = await listenForControl(controlPath("b"), link());
      first();
      expect(existsSync(controlPath("b"))).toBe(true);
      second();
      expect(existsSync(folder)).toBe(false);
    } finally {
      user.mockRestore();
      if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
      else process.env.XDG_RUNTIME_DIR = before;
      rmSync(above, { recursive: true });
    }
  });

  test("a question, an answer, and many after one another; only for its owner", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "link-x.sock");
    const it = link();
    const stop = await listenForControl(path, it);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await askControl(path, "set delay 7ms")).toMatchObject({ ok: true, text: "delay 7ms" });
    for (let i = 0; i < 20; i++) expect((await askControl(path, "show")).text).toBe("delay 7ms");
    expect((await askControl(path, `set ${"x".repeat(10_000)}`)).ok).toBe(false);
    await expect(listenForControl(path, it)).rejects.toThrow("another tcpnet listens there");
    stop();
    await expect(askControl(path, "show")).rejects.toThrow();
    expect(existsSync(path)).toBe(false);
    rmSync(folder, { recursive: true });
  });

  test("a program that is stopped keeps its socket, and is not waited for without end", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "link-x.sock");
    const silent = Bun.listen({ unix: path, socket: { data: () => {} } });
    await expect(askControl(path, "show")).rejects.toThrow("gave no answer");
    await expect(listenForControl(path, link())).rejects.toThrow("another tcpnet listens there");
    silent.stop(true);
    rmSync(folder, { recursive: true });
  });

  test("a socket left behind is replaced", async () => {
    const folder = mkdtempSync(join(tmpdir(), "link-"));
    const path = join(folder, "link-x.sock");
    await Bun.write(path, "");
    const stop = await listenForControl(path, link());
    expect((await askControl(path, "show")).ok).toBe(true);
    stop();
    rmSync(folder, { recursive: true });
  });
});
