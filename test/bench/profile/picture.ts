import type { Figures } from "../profile.ts";

const WIDTH = 860;
const LEFT = 90;
const BAR = 34;
const GAP = 26;
const COLOURS = [
  "#0f766e",
  "#0369a1",
  "#7c3aed",
  "#be185d",
  "#c2410c",
  "#a16207",
  "#4d7c0f",
  "#475569",
  "#94a3b8",
  "#cbd5e1",
];

/** Bars of the layers: the server's own time per connection by part, then the kernel's. */
export function picture(figures: readonly Figures[]): string {
  const most = Math.max(...figures.map(({ user, system }) => user + system));
  const scale = (WIDTH - LEFT - 90) / most;
  const names = [...new Set(figures.flatMap(({ parts }) => parts.map(({ name }) => name)))];
  const colour = (name: string) => COLOURS[names.indexOf(name) % COLOURS.length]!;
  const shapes: string[] = [];
  figures.forEach(({ layer, user, system, parts }, row) => {
    const y = 20 + row * (BAR + GAP);
    shapes.push(`<text x="${LEFT - 10}" y="${y + 22}" text-anchor="end">${layer}</text>`);
    let x = LEFT;
    const bar = (width: number, fill: string, title: string) => {
      shapes.push(
        `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" fill="${fill}"><title>${title}</title></rect>`,
      );
      x += width;
    };
    for (const { name, share } of parts)
      bar(share * user * scale, colour(name), `${name}: ${(share * user).toFixed(1)} µs`);
    if (parts.length === 0) bar(user * scale, "#64748b", `own time: ${user.toFixed(1)} µs`);
    bar(system * scale, "url(#kernel)", `the kernel: ${system.toFixed(1)} µs`);
    shapes.push(`<text x="${(x + 8).toFixed(1)}" y="${y + 22}">${(user + system).toFixed(0)} µs</text>`);
  });
  const top = 20 + figures.length * (BAR + GAP) + 4;
  const legend = [...names, "the kernel"].map((name, i) => {
    const x = LEFT + (i % 3) * 250;
    const y = top + Math.floor(i / 3) * 22;
    const fill = name === "the kernel" ? "url(#kernel)" : colour(name);
    return `<rect x="${x}" y="${y}" width="13" height="13" fill="${fill}"/><text x="${x + 20}" y="${y + 11}" class="small">${name}</text>`;
  });
  const height = top + Math.ceil((names.length + 1) / 3) * 22 + 10;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="14" role="img" aria-label="Processor time of a connection by layer and part of the program">
  <style>
    text { fill: #0f172a } .small { font-size: 12px; fill: #475569 }
    @media (prefers-color-scheme: dark) { text { fill: #f1f5f9 } .small { fill: #cbd5e1 } }
  </style>
  <defs><pattern id="kernel" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#e2e8f0"/><rect width="2" height="6" fill="#94a3b8"/></pattern></defs>
  ${[...shapes, ...legend].join("\n  ")}
</svg>
`;
}
