-- How a report looks: its style sheet, which the page holds itself. Colors are Okabe and Ito's, as those of the plots.
return [[
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --card: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d9dde2; --grid: #e3e6ea;
  --blue: #0072b2; --warm: #d55e00; --hue: 0, 114, 178; --wrong: 213, 94, 0; --stripe: #f5f6f8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16191d; --card: #1d2126; --ink: #e4e7eb; --soft: #9aa4b0; --line: #363c44; --grid: #31363d;
    --blue: #56b4e9; --warm: #e98a4b; --hue: 86, 180, 233; --wrong: 233, 138, 75; --stripe: #23282e;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 3.5rem; }
body {
  margin: 0 auto; padding: 0 1.25rem 4rem; max-width: 74rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
header { padding: 2.2rem 0 1rem; }
h1 { margin: 0 0 .3rem; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 .8rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); font-size: 1.3rem; }
h3 { margin: 1.8rem 0 .5rem; font-size: 1.02rem; }
p { margin: .5rem 0; max-width: 62rem; }
a { color: var(--blue); }
.meta, .note, figcaption { color: var(--soft); }
.meta { margin: 0; font-size: .92rem; }
.note { padding-left: .8rem; border-left: 3px solid var(--line); font-size: .95rem; }
nav { position: sticky; top: 0; z-index: 1; background: var(--paper); border-bottom: 1px solid var(--line); }
nav ul { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; margin: 0; padding: .55rem 0; list-style: none; }
nav a { text-decoration: none; font-size: .92rem; }
nav a:hover { text-decoration: underline; }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(15.5rem, 1fr)); gap: .8rem; margin: 1.4rem 0 0;
}
.tiles > div { padding: .7rem .9rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.tiles dt { color: var(--soft); font-size: .84rem; }
.tiles dd { margin: 0; }
.tiles .value { font-size: 1.45rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles .under { color: var(--soft); font-size: .82rem; }
@media (max-width: 40rem) { .tiles { grid-template-columns: 1fr 1fr; } }
.findings { margin: 0; padding: 0; list-style: none; counter-reset: finding; }
.findings li {
  position: relative; margin: .6rem 0; padding: .7rem 1rem .7rem 3rem; background: var(--card);
  border: 1px solid var(--line); border-left: 4px solid var(--warm); border-radius: 6px; counter-increment: finding;
}
.findings li::before {
  content: counter(finding); position: absolute; left: 1.1rem; color: var(--warm); font-weight: 700;
}
.findings p { margin: .15rem 0 0; }
.findings .proof { color: var(--soft); font-size: .93rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); gap: 1rem; }
.plots.wide { grid-template-columns: repeat(auto-fill, minmax(min(30rem, 100%), 1fr)); }
figure { margin: 0 0 1rem; }
.plot { padding: .7rem .7rem .4rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.plot svg { display: block; width: 100%; height: auto; }
figcaption { margin-top: .3rem; font-size: .88rem; }
.plot g[color="black"] { color: var(--ink); }
.plot [fill="rgb(51,51,51)"], .plot [fill="black"] { fill: var(--ink); }
.plot [stroke="rgb(102, 102, 102)"] { stroke: var(--soft); }
.plot [stroke="rgb(221, 221, 221)"] { stroke: var(--grid); }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
.caption { margin: 1.2rem 0 -.2rem; color: var(--soft); font-size: .9rem; }
th, td { padding: .28rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid var(--line); color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th, tfoot th { min-width: 7.5rem; font-weight: 500; }
tbody tr:nth-child(even) { background: var(--stripe); }
tfoot td, tfoot th { font-weight: 600; }
th.num, td.num { text-align: right; white-space: nowrap; }
th.mid, td.mid { text-align: center; }
td.bars {
  padding-block: 0; vertical-align: middle; white-space: pre; color: var(--blue);
  font: 1.05rem/1 "DejaVu Sans Mono", "Noto Sans Mono", monospace;
}
td.shape { white-space: nowrap; }
td.alert { color: var(--warm); font-weight: 600; }
th.deep { padding-left: 2rem; font-weight: 400; }
.matrix td {
  min-width: 4.6rem; text-align: center; border: 2px solid var(--paper); background: rgba(var(--hue), var(--share));
}
.matrix td.off { background: rgba(var(--wrong), var(--share)); }
.matrix td.dark { color: #fff; }
.matrix td small { display: block; opacity: .85; }
.matrix tbody tr:nth-child(even) { background: none; }
@media (prefers-color-scheme: dark) { .matrix td.dark { color: #10141a; } }
.gallery {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .9rem; margin: 1rem 0; padding: 0;
  list-style: none;
}
.gallery li { padding: .6rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.gallery figure { margin: 0; }
.gallery .pair { display: flex; gap: .4rem; }
.gallery img {
  display: block; width: 100%; min-width: 0; height: auto; border-radius: 4px; image-rendering: pixelated;
}
.gallery img.big { image-rendering: auto; }
.gallery .pair img { width: 50%; flex: 1 1 0; }
.gallery.maps { grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); }
.gallery figcaption { font-size: .85rem; line-height: 1.4; overflow-wrap: anywhere; }
.gallery .truth { color: var(--ink); font-weight: 600; }
pre {
  margin: .6rem 0; padding: .8rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  overflow-x: auto; font: .86rem/1.5 "DejaVu Sans Mono", "Noto Sans Mono", Menlo, Consolas, monospace;
}
details { margin: .6rem 0; }
summary { cursor: pointer; color: var(--blue); font-size: .94rem; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
@media print {
  @page { margin: 14mm; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  h2, h3 { break-after: avoid; }
  figure, tr, .tiles div, .findings li, .gallery li { break-inside: avoid; }
  .scroll, pre { overflow: visible; }
  pre { white-space: pre-wrap; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
]]
