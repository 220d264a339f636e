// What both pages do: make elements, ask the gateway, say limits in words.

/** An element with properties and children; text becomes text nodes, so nothing that is shown is read as HTML. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** An answer's JSON; an answer that is an error throws what it says. */
export async function ask(url, headers = {}) {
  const answer = await fetch(url, {
    headers: { accept: "application/json", ...headers },
    credentials: "omit",
    redirect: "error",
  });
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text);
  throw new Error(`${answer.status}: ${message(text)}`);
}

/** The words of an error body in any of the gateway's formats. */
function message(text) {
  try {
    const body = JSON.parse(text);
    return body.message ?? body.error?.message ?? text;
  } catch {
    return text;
  }
}

const SPANS = [["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/** 60 -> "minute", 120 -> "2 minutes". */
function period(seconds) {
  const [name, length] = SPANS.find(([, length]) => seconds % length === 0);
  const count = seconds / length;
  return count === 1 ? name : `${count} ${name}s`;
}

/** Seconds until something, to the two largest units: "1 day 3 hours", "42 seconds". */
export function duration(seconds) {
  let rest = Math.max(0, Math.ceil(seconds));
  const words = [];
  for (const [name, length] of SPANS) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) words.push(`${count} ${name}${count === 1 ? "" : "s"}`);
  }
  return words.slice(0, 2).join(" ") || "0 seconds";
}

/** A limit in words: "5 calls a minute", "100 calls each week". */
export function limit({ calls, renewalPeriod }, kind) {
  const every = period(renewalPeriod);
  const article = /^\d/.test(every) ? "in " : kind === "quota" ? "each " : every === "hour" ? "an " : "a ";
  return `${calls} ${calls === 1 ? "call" : "calls"} ${article}${every}`;
}

/** Shows a problem, or takes it away. */
export function tell(problem) {
  const place = document.getElementById("problem");
  place.textContent = problem ?? "";
  place.hidden = problem === undefined;
}
