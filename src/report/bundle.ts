import { fileURLToPath } from "node:url";

export interface PageCode {
  readonly html: string;
  readonly style: string;
  readonly code: string;
}

/** Bundles the page with the chart library. Throws if its sources are not there. */
export async function bundlePage(): Promise<PageCode> {
  const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const built = await Bun.build({
    entrypoints: [at("./page/main.ts")],
    target: "browser",
    format: "esm",
    minify: true,
    throw: false,
  });
  if (!built.success) throw new Error(`the page of reports cannot be bundled: ${built.logs.join("; ")}`);
  const [code, html, own, charts] = await Promise.all([
    built.outputs[0]!.text(),
    Bun.file(at("./page/page.html")).text(),
    Bun.file(at("./page/style.css")).text(),
    Bun.file(fileURLToPath(import.meta.resolve("uplot/dist/uPlot.min.css"))).text(),
  ]);
  return { html, style: `${charts}\n${own}`, code };
}
