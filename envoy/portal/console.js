// The API console: Swagger UI, told where the key is, and to say what else an answer tells.

import { carried, wait } from "./page.js";
import * as snippets from "./snippets.js";

const LANGUAGES = {
  curl: { title: "curl", syntax: "bash", write: snippets.curl },
  python: { title: "Python", syntax: "python", write: snippets.python },
  csharp: { title: "C#", syntax: "csharp", write: snippets.csharp },
};

// Shows an API of the catalogue in `place`; `key()` is the key of the moment, `operation` opens one.
export function show(place, api, operation, key) {
  const keyHeader = api.subscriptionKeyParameterNames.header;
  const system = SwaggerUIBundle({
    domNode: place,
    url: new URL(api.openapi, document.baseURI).href,
    // Nothing is sent elsewhere, or kept.
    validatorUrl: null,
    persistAuthorization: false,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: -1,
    requestSnippetsEnabled: true,
    requestSnippets: { generators: LANGUAGES, languages: Object.keys(LANGUAGES), defaultExpanded: true },
    requestInterceptor: (request) => {
      const own = new URL(request.url, document.baseURI).origin === location.origin;
      if (!request.loadSpec && own && key()) request.headers[keyHeader] = carried(keyHeader, key());
      return request;
    },
    plugins: [programs(keyHeader), answers, plainText, withoutOwnKeys],
    onComplete: () => {
      if (operation) system.layoutActions.show(["operations", "default", operation], true);
    },
  });
  return system;
}

// The call as curl, Python and C#.
function programs(keyHeader) {
  const written = Object.entries(LANGUAGES).map(([name, { write }]) => [
    `requestSnippetGenerator_${name}`,
    (request) => write(call(request, keyHeader)),
  ]);
  return () => ({ fn: Object.fromEntries(written) });
}

// Swagger UI's record of a request as snippets.js takes it.
function call(request, keyHeader) {
  const body = request.get("body");
  const text = typeof body?.toJS === "function" ? JSON.stringify(body.toJS()) : body;
  return {
    method: request.get("method"),
    url: new URL(request.get("url"), document.baseURI).href,
    headers: Object.entries(request.get("headers")?.toJS() ?? {}),
    body: typeof text === "string" && text !== "" ? text : undefined,
    keyHeader,
  };
}

// Above Swagger UI's answer, read out as it comes: the status, where the call went, and when to come again.
const answers = (system) => {
  const make = system.React.createElement;
  const line = (name, ...value) => make("p", { key: name, className: "told" }, make("strong", null, `${name}: `), ...value);
  return {
    wrapComponents: {
      liveResponse: (Original) => (props) => {
        const headers = props.response.get("headers")?.toJS?.() ?? props.response.get("headers") ?? {};
        const lines = [line("Status", String(props.response.get("status")))];
        const backend = headers["x-gateway-backend-url"];
        if (backend) lines.push(line("Backend URL", make("code", null, backend)));
        const seconds = Number(headers["retry-after"]);
        if (seconds > 0) lines.push(line("Try again in", wait(seconds)));
        if (headers["x-gateway-refusal"]) lines.push(line("Refused by the gateway", headers["x-gateway-refusal"]));
        return make("div", null, make("div", { role: "status" }, ...lines), make(Original, props));
      },
    },
  };
};

// Descriptions are text: as Markdown, which may hold HTML, they would be the one way for markup into the page.
const plainText = (system) => {
  const text = ({ source, className = "" }) => (source ? system.React.createElement("p", { className: `text ${className}` }, source) : null);
  return { wrapComponents: { Markdown: () => text } };
};

// The page's own field has the key: a second place to put it would only keep it longer.
const withoutOwnKeys = () => {
  const nothing = () => () => null;
  return { wrapComponents: { authorizeBtn: nothing, authorizeOperationBtn: nothing } };
};
