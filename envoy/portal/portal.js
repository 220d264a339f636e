// The page of the APIs: the list, and one API with its console. `#/NAME` is an API, `#/NAME/OPERATION`
// an operation of it, anything else the list.

import { openConsole } from "./console.js";
import { ask, element, limit, tell } from "./page.js";

// The key is here and nowhere else: no storage, no cookie, no URL.
let key = "";
/** Of the API that is shown, so that the console is not made anew when only the operation changes. */
let shown = null;

const byId = (id) => document.getElementById(id);

const field = byId("key");
field.addEventListener("input", () => { key = field.value.trim(); });
byId("reveal").addEventListener("click", ({ currentTarget: button }) => {
  const reveal = field.type === "password";
  field.type = reveal ? "text" : "password";
  button.textContent = reveal ? "Hide" : "Show";
  button.setAttribute("aria-pressed", String(reveal));
});

// Swagger UI has colours of its own for dark pages.
const dark = matchMedia("(prefers-color-scheme: dark)");
const adopt = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", adopt);
adopt();

try {
  const catalogue = await ask("apis.json");
  list(catalogue);
  addEventListener("hashchange", () => show(catalogue, true));
  await show(catalogue, false);
} catch (error) {
  tell(`The list of APIs cannot be had. ${error.message}`);
}

/** What the address's fragment names. */
function wanted(catalogue) {
  const [, api, operation] = location.hash.split("/").map(decodeURIComponent);
  const found = catalogue.apis.find(({ name }) => name === api);
  return { api: found, operation: found?.operations.find(({ name }) => name === operation) };
}

async function show(catalogue, moves) {
  tell();
  const { api, operation } = wanted(catalogue);
  byId("catalogue").hidden = api !== undefined;
  byId("api").hidden = api === undefined;
  document.title = api ? `${api.displayName} - Developer portal` : "Developer portal";
  if (!api) {
    shown = null;
    if (moves) byId("catalogue").querySelector("h1").focus();
    return;
  }
  if (shown?.api !== api) {
    shown = { api };
    byId("title").textContent = api.displayName;
    byId("facts").replaceChildren(...facts(api, catalogue));
    byId("key-header").textContent = api.subscriptionKeyParameterNames.header;
    const opened = await openConsole(byId("console"), api, () => key);
    // Somebody may have gone on while the document was on its way.
    if (shown?.api !== api) return;
    shown.console = opened;
  }
  if (operation) await shown.console?.open(operation.name);
  else if (moves) byId("title").focus();
}

function list(catalogue) {
  byId("apis").replaceChildren(...catalogue.apis.map((api) => element(
    "article",
    {},
    element("h2", {}, element("a", { href: link(api) }, api.displayName)),
    ...facts(api, catalogue),
    element("ul", { className: "operations" }, ...api.operations.map((operation) => element(
      "li",
      {},
      element("span", { className: "method" }, operation.method),
      " ",
      element("a", { href: link(api, operation) }, operation.displayName),
      element("code", {}, operation.urlTemplate),
    ))),
  )));
  byId("products").replaceChildren(...catalogue.products.map((product) => element(
    "article",
    {},
    element("h3", {}, product.displayName),
    ...(product.description ? [element("p", {}, product.description)] : []),
    element("dl", {},
      ...row("APIs", titles(product.apis, catalogue.apis)),
      ...row("Limits", limits(product) || "none")),
  )));
  if (catalogue.products.length === 0) byId("products").append(element("p", {}, "There are none."));
}

/** What there is to know of an API before it is called. */
function facts(api, catalogue) {
  const products = catalogue.products.filter(({ name }) => api.products.includes(name));
  const inWords = ({ displayName, ...product }) =>
    limits(product) ? `${displayName} (${limits(product)})` : `${displayName} (no limits)`;
  return [
    ...(api.description ? [element("p", {}, api.description)] : []),
    element("dl", {},
      ...row("Address", `${location.origin}/${api.path}`),
      ...row("Schemes", api.protocols.join(", ")),
      ...row("Subscription", api.subscriptionRequired ? "required" : "not required"),
      ...(products.length > 0 ? row("Products", products.map(inWords).join("; ")) : []),
      ...(api.rateLimit ? row("Limit", limit(api.rateLimit)) : [])),
  ];
}

function limits({ rateLimit, quota }) {
  const both = [rateLimit && limit(rateLimit), quota && limit(quota, "quota")];
  return both.filter(Boolean).join(", ");
}

function row(term, value) {
  return [element("dt", {}, term), element("dd", {}, value)];
}

function titles(names, all) {
  return all.filter(({ name }) => names.includes(name)).map(({ displayName }) => displayName).join(", ");
}

function link(...named) {
  return `#/${named.map(({ name }) => encodeURIComponent(name)).join("/")}`;
}
