// A call as a program to copy. The key is never part of it: it comes from the variable SUBSCRIPTION_KEY.
//
// A call is { method, url, headers: [[name, value]], body?, keyHeader }.

const VARIABLE = "SUBSCRIPTION_KEY";

export function curl(call) {
  const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = [`curl -X ${quote(call.method)} ${quote(call.url)}`];
  for (const [name, value] of call.headers) {
    lines.push(isKey(call, name) ? `-H ${quote(`${name}: ${prefix(name)}`)}"$${VARIABLE}"` : `-H ${quote(`${name}: ${value}`)}`);
  }
  if (call.body !== undefined) lines.push(`--data-raw ${quote(call.body)}`);
  return lines.join(" \\\n  ");
}

export function python(call) {
  // JSON's escapes are Python's.
  const quote = JSON.stringify;
  const key = (name) => `${prefix(name) && `${quote(prefix(name))} + `}os.environ["${VARIABLE}"]`;
  const headers = call.headers.map(([name, value]) => `        ${quote(name)}: ${isKey(call, name) ? key(name) : quote(value)},\n`);
  const data = call.body === undefined ? "" : `    data=${quote(call.body)}.encode(),\n`;
  return `import os
import urllib.error
import urllib.request

request = urllib.request.Request(
    ${quote(call.url)},
    method=${quote(call.method)},
    headers={
${headers.join("")}    },
${data})
try:
    with urllib.request.urlopen(request) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as refusal:
    print(refusal.code, refusal.headers, refusal.read().decode())
`;
}

export function csharp(call) {
  // JSON's escapes are C#'s; some characters beyond ASCII would end a literal.
  const quote = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const key = (name) => `${prefix(name) && `${quote(prefix(name))} + `}Environment.GetEnvironmentVariable("${VARIABLE}")`;
  const isOfContent = (name) => name.toLowerCase() === "content-type";
  const headers = call.headers
    .filter(([name]) => !isOfContent(name))
    .map(([name, value]) => `request.Headers.TryAddWithoutValidation(${quote(name)}, ${isKey(call, name) ? key(name) : quote(value)});\n`);
  let content = "";
  if (call.body !== undefined) {
    const type = call.headers.find(([name]) => isOfContent(name));
    content = `request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(${quote(call.body)}));\n`;
    if (type) content += `request.Content.Headers.TryAddWithoutValidation("Content-Type", ${quote(type[1])});\n`;
  }
  return `using System;
using System.Net.Http;
using System.Text;

using var client = new HttpClient();
using var request = new HttpRequestMessage(new HttpMethod(${quote(call.method)}), ${quote(call.url)});
${headers.join("")}${content}using var answer = await client.SendAsync(request);
Console.WriteLine($"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
`;
}

function isKey(call, name) {
  return name.toLowerCase() === call.keyHeader.toLowerCase();
}

// What stands before the key in its header.
function prefix(name) {
  return name.toLowerCase() === "authorization" ? "Bearer " : "";
}
