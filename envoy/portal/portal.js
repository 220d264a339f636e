// The portal's first page: the APIs and products of the catalogue, and the console of the API that
// the address names after `#`, as in #azureml-demo or #azureml-demo/rrs-execute.

import { show } from "./console.js";
import { element, rate, tell } from "./page.js";

const at = (id) => document.getElementById(id);
const field = at("key");

// Swagger UI is dark by a class.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// The skip link must not change what the address names.
at("skip").addEventListener("click", (event) => {
  event.preventDefault();
  at("content").focus();
});

function limits(of) {
  return [of.rateLimit, of.quota].filter(Boolean).map(rate).join(", ");
}

function apiCard(api) {
  const operations = api.operations.map((operation) =>
    element("li", {},
      element("a", { href: `#${api.name}/${operation.name}` }, operation.displayName),
      " ",
      element("code", {}, `${operation.method} ${operation.urlTemplate}`)));
  return element("section", { class: "card" },
    element("h2", {}, element("a", { href: `#${api.name}` }, api.displayName)),
    element("p", {}, api.description),
    element("p", { class: "note" }, about(api)),
    element("ul", { class: "operations" }, ...operations));
}

// Who may call it, how often.
function about(api) {
  const parts = [`/${api.path}`, api.protocols.join(" and ")];
  parts.push(api.subscriptionRequired ? `key in the header ${api.subscriptionKeyParameterNames.header}` : "no key is asked for");
  if (api.products.length > 0) parts.push(`products: ${api.products.join(", ")}`);
  if (api.rateLimit) parts.push(limits(api));
  return parts.join(" · ");
}

function productRow(product, names) {
  return element("tr", {},
    element("th", { scope: "row" }, product.displayName),
    element("td", {}, product.description),
    element("td", {}, product.apis.map((name) => names.get(name) ?? name).join(", ")),
    element("td", {}, limits(product) || "none"));
}

function entry(catalogue) {
  const names = new Map(catalogue.apis.map((api) => [api.name, api.displayName]));
  const parts = [element("h1", {}, "APIs"), ...catalogue.apis.map(apiCard)];
  if (catalogue.products.length > 0) {
    const heads = ["Product", "Description", "APIs", "Limits of each subscription"].map((head) => element("th", { scope: "col" }, head));
    parts.push(element("h1", {}, "Products"), element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Products" },
      element("table", {},
        element("thead", {}, element("tr", {}, ...heads)),
        element("tbody", {}, ...catalogue.products.map((product) => productRow(product, names))))));
  }
  at("entry").replaceChildren(...parts);
}

// What the address names.
function turn(catalogue) {
  const [name, operation] = location.hash.slice(1).split("/");
  const api = catalogue.apis.find((api) => api.name === name);
  tell(name && !api ? `There is no API named ${name} here.` : undefined);
  at("entry").hidden = Boolean(api);
  at("api").hidden = !api;
  document.title = `${api ? `${api.displayName} - ` : ""}Developer portal`;
  // What was tried at another API is gone, and what had the focus is out of sight.
  at("content").focus({ preventScroll: true });
  const place = element("div");
  at("console").replaceChildren(place);
  if (!api) return;
  at("limits").textContent = about(api);
  show(place, api, operation, () => field.value.trim());
  scrollTo(0, 0);
}

try {
  const answer = await fetch("apis.json");
  if (!answer.ok) throw new Error(`apis.json: status ${answer.status}`);
  const catalogue = await answer.json();
  entry(catalogue);
  turn(catalogue);
  addEventListener("hashchange", () => turn(catalogue));
} catch (error) {
  tell(`The list of APIs cannot be read (${error.message}). Reload the page to try again.`);
}
