// A subscription's limits and what is left of them, asked again while the page is looked at.

import { element, message, rate, tell, wait } from "./page.js";

const INTERVAL = 2000;
const at = (id) => document.getElementById(id);
const field = at("key");
let asked = 0;

function bar(limit) {
  const used = limit.calls - limit.remaining;
  const text = `${used} of ${limit.calls} calls used`;
  const more = limit.remaining < limit.calls ? `, more in ${wait(limit.renewsInSeconds)}` : "";
  const kind = limit.kind === "quota" ? "quota" : "rate limit";
  const name = `${limit.scope} ${limit.of}: ${kind}, ${rate(limit)}`;
  return element("li", limit.remaining === 0 ? { class: "spent" } : {},
    element("p", {}, name),
    element("progress", { max: limit.calls, value: used, "aria-label": name }),
    element("p", { class: "note" }, text + more));
}

function draw(usage) {
  const product = usage.product === null ? "no product" : `product ${usage.product}`;
  at("whose").textContent = `${usage.displayName ?? usage.subscription}, ${product}`;
  const none = element("li", {}, "No limit applies to this subscription.");
  at("limits").replaceChildren(...(usage.limits.length > 0 ? usage.limits.map(bar) : [none]));
  at("when").textContent = `As of ${new Date().toLocaleTimeString()}, asked again every ${INTERVAL / 1000} seconds.`;
}

// Nothing of an earlier key stays.
function clear(problem) {
  at("whose").textContent = "";
  at("limits").replaceChildren();
  at("when").textContent = "";
  tell(problem);
}

async function ask() {
  const key = field.value.trim();
  if (!key) return;
  // Of two answers under way the later question's counts.
  const number = ++asked;
  try {
    const answer = await fetch("usage", { headers: { accept: "application/json", "Ocp-Apim-Subscription-Key": key } });
    const body = await answer.text();
    if (number !== asked) return;
    if (!answer.ok) return clear(`${answer.status}: ${message(body)}`);
    tell();
    draw(JSON.parse(body));
  } catch (error) {
    if (number === asked) tell(`The gateway does not answer (${error.message}). What you see may be old.`);
  }
}

field.addEventListener("input", () => {
  asked++;
  clear();
});
field.addEventListener("change", ask);
setInterval(() => {
  // Not while a key is typed: each part of it would be refused.
  if (!document.hidden && at("limits").hasChildNodes()) ask();
}, INTERVAL);
