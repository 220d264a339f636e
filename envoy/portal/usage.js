// The page of a caller's own usage: what is left of each limit, looked up while calls are made.

import { ask, duration, element, limit, tell } from "./page.js";

const INTERVAL = 1000;

const byId = (id) => document.getElementById(id);
// The key is here and nowhere else: no storage, no cookie, no URL.
let key = "";
let timer;
/** Of the newest look-up: an older answer that comes late is for nobody. */
let turn = 0;

byId("show").addEventListener("click", start);
byId("key").addEventListener("keydown", (event) => { if (event.key === "Enter") start(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden && key) look(); });

function start() {
  key = byId("key").value.trim();
  byId("usage").hidden = true;
  if (key) look();
  else tell("Type a subscription key first.");
}

async function look() {
  clearTimeout(timer);
  const mine = ++turn;
  try {
    const usage = await ask("usage", { "Ocp-Apim-Subscription-Key": key });
    if (mine !== turn) return;
    tell();
    show(usage);
    if (!document.hidden) timer = setTimeout(look, INTERVAL);
  } catch (error) {
    if (mine !== turn) return;
    // A key that is not taken will not be in a second either; a lost connection may come back.
    const refused = /^4\d\d: /.test(error.message);
    tell(refused ? error.message : `The gateway cannot be asked: ${error.message}. Trying again.`);
    if (refused) byId("usage").hidden = true;
    else timer = setTimeout(look, 5 * INTERVAL);
  }
}

function show({ subscription, displayName, product, limits }) {
  byId("usage").hidden = false;
  byId("subscription").textContent = displayName ?? subscription;
  byId("product").textContent = product === null
    ? `Subscription ${subscription}.`
    : `Subscription ${subscription} of the product ${product}.`;
  const list = byId("limits");
  // Rows are kept and changed, so that a screen reader stays where it is.
  if (list.childElementCount !== limits.length || limits.some(({ name }, n) => list.children[n].dataset.name !== name)) {
    list.replaceChildren(...limits.map(row));
  }
  limits.forEach((of, n) => update(list.children[n], of));
  if (limits.length === 0) list.replaceChildren(element("li", {}, "No limits: every call is served."));
}

function row({ name, kind, scope, of }) {
  const title = kind === "quota" ? "Quota" : "Rate limit";
  const label = element("h3", {}, `${title} of the ${scope} ${of}`);
  label.id = `limit-${name}`;
  const bar = element("meter", { min: 0 });
  bar.setAttribute("aria-labelledby", label.id);
  const made = element("li", {}, label, bar, element("p", { className: "left" }), element("p", { className: "renews" }));
  made.dataset.name = name;
  return made;
}

function update(row, { kind, calls, renewalPeriod, remaining, renewsInSeconds }) {
  const bar = row.querySelector("meter");
  Object.assign(bar, { max: calls, low: calls / 4, high: calls / 2, optimum: calls, value: remaining });
  bar.textContent = `${remaining} of ${calls}`;
  row.querySelector(".left").textContent = `${remaining} of ${calls} left`;
  const when = remaining === calls
    ? "nothing spent"
    : `${kind === "quota" ? "renews" : "more"} in ${duration(renewsInSeconds)}`;
  row.querySelector(".renews").textContent = `${limit({ calls, renewalPeriod }, kind)}; ${when}`;
}
