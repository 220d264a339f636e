// What a call did: requested URL, backend URL, status, headers, content, and the call as code.

import { SNIPPETS } from "./snippets.js";

/** Swagger UI's component of an answer. It is React's, so everything is text until it is shown. */
export function answerOf({ React, specSelectors }, keyHeader) {
  const h = React.createElement;

  return function Answer({ response, path, method }) {
    const request = specSelectors.mutatedRequestFor(path, method)?.toJS();
    if (!request) return null;
    const headers = response.get("headers")?.toJS?.() ?? {};
    const status = response.get("status");
    const waits = headers["retry-after"];
    return h("div", { className: "answer", role: "status" },
      h("h4", null, "Requested URL"),
      h("pre", { "data-part": "url", tabIndex: 0 }, request.url),
      headers["x-gateway-backend-url"] && h(React.Fragment, null,
        h("h4", null, "Backend URL"),
        h("pre", { "data-part": "backend-url", tabIndex: 0 }, headers["x-gateway-backend-url"])),
      h("h4", null, "Response status"),
      h("p", { "data-part": "status", className: status < 400 ? "good" : "bad" },
        status ? `${status} ${response.get("statusText") || words(status)}` : "No answer: the gateway cannot be reached."),
      waits && h("p", { "data-part": "retry" }, `You can try again in ${waits} seconds.`),
      h("h4", null, "Response headers"),
      h("pre", { "data-part": "headers", tabIndex: 0 },
        Object.entries(headers).map(([name, value]) => `${name}: ${[value].flat().join(", ")}\n`).join("")),
      h("h4", null, "Response content"),
      h("pre", { "data-part": "content", tabIndex: 0 }, readable(response.get("text") ?? "")),
      h(Code, { request }));
  };

  /** The call in a language to choose. The key is a variable of the environment: code gets shared. */
  function Code({ request }) {
    const [chosen, choose] = React.useState(0);
    const [copied, sayCopied] = React.useState("");
    const { note, write } = SNIPPETS[chosen];
    const code = write(request, keyHeader);
    return h("div", { className: "code" },
      h("h4", null, "The call as code"),
      h("div", { role: "group", "aria-label": "Language" },
        SNIPPETS.map(({ title }, index) => h("button", {
          key: title,
          type: "button",
          "aria-pressed": index === chosen,
          onClick: () => { choose(index); sayCopied(""); },
        }, title))),
      h("pre", { "data-part": "code", tabIndex: 0 }, code),
      h("p", null,
        h("button", { type: "button", onClick: (event) => copy(event, code, sayCopied) }, "Copy"),
        " ",
        h("span", { role: "status" }, copied)),
      h("p", null, note));
  }
}

async function copy({ currentTarget }, code, say) {
  try {
    await navigator.clipboard.writeText(code);
    say("Copied.");
  } catch {
    // Over plain HTTP from another machine a page has no clipboard.
    const shown = currentTarget.closest(".code").querySelector("pre");
    getSelection().selectAllChildren(shown);
    say("Selected: copy it with the keyboard.");
  }
}

/** HTTP/2 sends no reason. */
function words(status) {
  const known = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 429: "Too Many Requests", 500: "Internal Server Error",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
  };
  return known[status] ?? "";
}

/** JSON with line breaks, and short lists on one line; as it came where that would say something else. */
function readable(text) {
  try {
    const value = JSON.parse(text);
    // Numbers beyond a double, names that stand twice and odd spellings do not survive parsing.
    const bare = text.trim().replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
    if (JSON.stringify(value) !== bare) return text;
    // A line break is never inside a string, so what is joined is a list.
    return JSON.stringify(value, null, 2).replace(/\[\n\s+([^[\]{}]*?)\n\s*\]/g, (list, items) => {
      const line = `[${items.replace(/,\n\s+/g, ", ")}]`;
      return line.length > 80 ? list : line;
    });
  } catch {
    return text;
  }
}
