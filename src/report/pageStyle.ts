// The style of report.html, that of its charts included.
import { chartStyle, pageColours } from "../charts/theme.js";

const { light, dark } = pageColours;

export const pageStyle = `
:root{color-scheme:light dark;--paper:${light.paper};--ink:${light.ink};--muted:${light.muted};--line:${light.grid};
--accent:${light.fit};--soft:#f6f8fa}
@media (prefers-color-scheme:dark){:root{--paper:${dark.paper};--ink:${dark.ink};--muted:${dark.muted};
--line:${dark.grid};--accent:${dark.fit};--soft:#171e26}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,
'Helvetica Neue',Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1016px;margin:0 auto;padding:48px 28px 72px}
h1{font-size:clamp(1.6rem,4vw,2.3rem);line-height:1.15;letter-spacing:-.015em;margin:0 0 12px;text-wrap:balance;
overflow-wrap:anywhere}
h1 .model{color:var(--accent)}
h2{font-size:1.25rem;line-height:1.25;letter-spacing:-.005em;margin:56px 0 8px}
p{margin:0 0 12px;max-width:72ch}
.lead,.muted,figcaption{color:var(--muted)}
.lead{font-size:1.05rem;text-wrap:balance}
.warning{border-left:4px solid var(--accent);padding:6px 14px;background:var(--soft)}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:16px;margin:28px 0 0}
.answers div{background:var(--soft);border-radius:10px;padding:16px 20px}
.answers dt{color:var(--muted);font-size:.9rem}
.answers dd{margin:2px 0 0;font-size:1.9rem;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.answers sup{font-size:.62em;line-height:0}
.answers .note{font-size:.85rem;line-height:1.4;font-weight:400;color:var(--muted);margin-top:4px}
figure{margin:0}
figcaption{margin:0 0 16px;max-width:72ch;font-size:.95rem}
.scroll{overflow-x:auto}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:3px}
.scroll svg{display:block;width:100%;min-width:720px;height:auto}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums;min-width:60%}
th,td{padding:5px 14px 5px 0;text-align:right;white-space:nowrap}
th{font-weight:600;color:var(--muted);border-bottom:1px solid var(--muted)}
td{border-bottom:1px solid var(--line)}
th.words,td.words{text-align:left;padding-left:14px;white-space:normal;overflow-wrap:anywhere}
details{border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
summary{cursor:pointer;padding:10px 0;font-weight:600}
details .scroll{padding-bottom:16px}
.facts{margin:0 0 20px;font-size:.9rem}
.facts div{display:grid;grid-template-columns:minmax(9rem,14rem) 1fr;gap:4px 20px;padding:6px 0;
border-bottom:1px solid var(--line)}
.facts dt{color:var(--muted);overflow-wrap:anywhere}
.facts dd{margin:0;overflow-wrap:anywhere}
@media (max-width:560px){main{padding:28px 18px 48px}.facts div{grid-template-columns:1fr}}
@media print{main{max-width:none;padding:0}.scroll{overflow:visible}section{break-inside:avoid}}
${chartStyle}`;
