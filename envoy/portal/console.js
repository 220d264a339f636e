// Swagger UI for one API: the subscription key comes from the page's field, and an answer is shown
// the way API Management's portal does, with the call as code.

import { answerOf } from "./answer.js";
import { ask } from "./page.js";

/** The schemes of the subscription key, which the page's own field stands for. */
const KEY_SCHEMES = ["subscriptionKeyHeader", "subscriptionKeyQuery"];

/** Resolves when the operations are shown. `key` gives the key at the time of a call. */
export async function openConsole(place, api, key) {
  place.replaceChildren();
  // Drawn anew with each thing that is typed; it stays when the console is made for another API.
  observed.get(place) ?? observed.set(place, new MutationObserver(() => name(place)));
  observed.get(place).observe(place, { childList: true, subtree: true });
  const document = await ask(api.openapi);
  const own = withoutKeySchemes(document);
  const header = api.subscriptionKeyParameterNames.header;
  const ui = await new Promise((resolve) => {
    const made = window.SwaggerUIBundle({
      spec: document,
      domNode: place,
      plugins: [plugin(header, own)],
      // Only what this portal serves is asked for: no validator's badge.
      validatorUrl: null,
      deepLinking: false,
      // Credentials that are typed in end with the page.
      persistAuthorization: false,
      withCredentials: false,
      tryItOutEnabled: true,
      // Its colours are too faint to read.
      syntaxHighlight: false,
      docExpansion: "list",
      defaultModelsExpandDepth: -1,
      requestInterceptor: (request) => withKey(request, header, key()),
      onComplete: () => resolve(made),
    });
  });
  return { open: (operation) => open(ui, place, document, operation) };
}

const observed = new WeakMap();

/** Says what Swagger UI's fields are, which it tells the eye alone. */
function name(place) {
  const fields = place.querySelectorAll(":is(input, select, textarea):not([aria-label], [id])");
  for (const field of fields) {
    const parameter = field.closest("tr[data-param-name]")?.dataset.paramName;
    const status = field.closest("tr[data-code]")?.dataset.code;
    const kind = field.matches("textarea") ? "Request body" : field.matches(".examples-select-element") ? "Example" : "Media type";
    const label = parameter ?? (status ? `${kind} of ${status}` : kind);
    field.setAttribute("aria-label", label);
  }
}

/** Takes the key's schemes out of a document; says whether others are left. */
function withoutKeySchemes(document) {
  const schemes = document.components?.securitySchemes ?? {};
  for (const name of KEY_SCHEMES) {
    delete schemes[name];
    for (const way of document.security ?? []) delete way[name];
  }
  return Object.keys(schemes).length > 0;
}

function withKey(request, header, key) {
  // To the gateway alone, whatever a document would name as a server.
  if (key !== "" && new URL(request.url, location.href).origin === location.origin) {
    request.headers[header] = header.toLowerCase() === "authorization" ? `Bearer ${key}` : key;
  }
  return request;
}

/** Leaves out what the page has itself, and shows answers its own way. */
function plugin(keyHeader, hasSchemes) {
  const nothing = () => () => null;
  const ways = hasSchemes ? {} : { authorizeBtn: nothing, authorizeOperationBtn: nothing };
  return {
    wrapComponents: {
      ...ways,
      info: nothing,
      ServersContainer: nothing,
      // Descriptions are text: as Markdown they could hold HTML.
      Markdown: (_, { React }) => ({ source }) => (source ? React.createElement("p", null, source) : null),
      liveResponse: (_, system) => answerOf(system, keyHeader),
    },
  };
}

/** Opens an operation and goes there. An operation of the policy may be a part of OpenAPI's. */
async function open(ui, place, document, name) {
  const has = (operation) =>
    operation.operationId === name ||
    (operation["x-gateway-operations"] ?? []).some((part) => part.name === name);
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  const id = operations.find((operation) => operation?.operationId && has(operation))?.operationId;
  if (id === undefined) return;
  ui.getSystem().layoutActions.show(["operations", "default", id], true);
  // Swagger UI draws when the browser is next free.
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  const block = place.querySelector(`#operations-default-${CSS.escape(id)}`);
  block?.scrollIntoView();
  block?.querySelector("button")?.focus();
}
