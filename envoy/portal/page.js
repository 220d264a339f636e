// What both pages share. Text from the gateway goes into text nodes alone, never into markup.

// An element with attributes and children; a child that is a string is text.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

// Shows a problem, or with none takes the last one away.
export function tell(problem) {
  const place = document.getElementById("problem");
  // An unchanged alert is not read out again.
  if (place.textContent !== (problem ?? "")) place.textContent = problem ?? "";
  place.hidden = !problem;
}

// A limit in words: "5 calls a minute", "10 calls in 2 hours".
export function rate({ calls, renewalPeriod }) {
  const units = [["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, length] = units.find(([, length]) => renewalPeriod % length === 0);
  const count = renewalPeriod / length;
  const period = count > 1 ? `in ${count} ${unit}s` : unit === "hour" ? "an hour" : `a ${unit}`;
  return `${calls} ${calls === 1 ? "call" : "calls"} ${period}`;
}

// How long until then, to two units: 3725 is "1 h 2 min".
export function wait(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const parts = [];
  let rest = seconds;
  for (const [unit, length] of units) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

// A refusal's message, whatever the API's format of errors.
export function message(body) {
  try {
    const read = JSON.parse(body);
    return read.message ?? read.error?.message ?? body;
  } catch {
    return body;
  }
}

// How a header carries the key: one named Authorization by the scheme Bearer.
export function carried(header, key) {
  return header.toLowerCase() === "authorization" ? `Bearer ${key}` : key;
}
