/**
 * The page's code and style as text. From source they are bundled when a report is written. In the compiled program this file is replaced
 * (src/cli/build.ts), and the text is in the program.
 */
import { bundlePage, type PageCode } from "./bundle.ts";

export function pageCode(): Promise<PageCode> {
  return (bundled ??= bundlePage());
}

let bundled: Promise<PageCode> | undefined;
