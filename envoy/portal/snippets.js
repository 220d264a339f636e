// A call as curl, Python and C#. Each quotes whatever the caller typed, so that it stays data.

const VARIABLE = "SUBSCRIPTION_KEY";

/** What the browser adds by itself, or what only Swagger UI says. */
const UNSAID = ["accept"];

export const SNIPPETS = [
  { title: "curl", note: `Put your key into the variable first: export ${VARIABLE}=...`, write: curl },
  { title: "Python", note: `Reads your key from the variable ${VARIABLE}. Needs nothing but Python.`, write: python },
  { title: "C#", note: `Reads your key from the variable ${VARIABLE}. A whole Program.cs.`, write: csharp },
];

function parts({ url, method, headers = {}, body }, keyHeader) {
  const isKey = (name) => name.toLowerCase() === keyHeader.toLowerCase();
  const entries = Object.entries(headers);
  const bearer = keyHeader.toLowerCase() === "authorization" ? "Bearer " : "";
  const others = entries.filter(([name]) => !isKey(name) && !UNSAID.includes(name.toLowerCase()));
  return {
    url,
    method: method.toUpperCase(),
    others: others.map(([name, value]) => [name, String(value)]),
    key: entries.some(([name]) => isKey(name)) ? { name: keyHeader, bearer } : null,
    body: typeof body === "string" && body !== "" ? body : null,
  };
}

/** In single quotes a shell reads nothing but the closing quote. */
const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function curl(request, keyHeader) {
  const { url, method, others, key, body } = parts(request, keyHeader);
  const lines = [`curl -i --globoff -X ${method} ${shell(url)}`];
  if (key) lines.push(`-H ${shell(`${key.name}: ${key.bearer}`)}"$${VARIABLE}"`);
  for (const [name, value] of others) lines.push(`-H ${shell(`${name}: ${value}`)}`);
  if (body !== null) lines.push(`--data-binary ${shell(body)}`);
  return lines.join(" \\\n  ");
}

/** JSON's strings are Python's too, once all that is not ASCII is escaped. */
function literal(text) {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) =>
    `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** By code points: Python's \u of half a pair is no character. */
function pythonLiteral(text) {
  return JSON.stringify(text).replace(/[\u{7f}-\u{10ffff}]/gu, (point) =>
    `\\U${point.codePointAt(0).toString(16).padStart(8, "0")}`);
}

function python(request, keyHeader) {
  const { url, method, others, key, body } = parts(request, keyHeader);
  const headers = others.map(([name, value]) => `    ${pythonLiteral(name)}: ${pythonLiteral(value)},`);
  if (key) headers.unshift(`    ${pythonLiteral(key.name)}: ${key.bearer ? `"${key.bearer}" + ` : ""}os.environ["${VARIABLE}"],`);
  return [
    ...(key ? ["import os"] : []),
    "import urllib.error",
    "import urllib.request",
    "",
    `url = ${pythonLiteral(url)}`,
    ...(headers.length > 0 ? ["headers = {", ...headers, "}"] : ["headers = {}"]),
    body === null ? "body = None" : `body = ${pythonLiteral(body)}.encode()`,
    "",
    `request = urllib.request.Request(url, body, headers, method="${method}")`,
    "try:",
    "    answer = urllib.request.urlopen(request)",
    "except urllib.error.HTTPError as error:",
    "    answer = error",
    "print(answer.status, answer.headers, answer.read().decode(), sep=\"\\n\")",
  ].join("\n");
}

function csharp(request, keyHeader) {
  const { url, method, others, key, body } = parts(request, keyHeader);
  const isType = ([name]) => name.toLowerCase() === "content-type";
  const type = others.find(isType)?.[1];
  const lines = [
    "using var client = new HttpClient();",
    `using var request = new HttpRequestMessage(new HttpMethod("${method}"), ${literal(url)});`,
  ];
  if (key) lines.push(`request.Headers.TryAddWithoutValidation(${literal(key.name)}, ${key.bearer ? `"${key.bearer}" + ` : ""}Environment.GetEnvironmentVariable("${VARIABLE}"));`);
  for (const [name, value] of others.filter((header) => !isType(header))) {
    lines.push(`request.Headers.TryAddWithoutValidation(${literal(name)}, ${literal(value)});`);
  }
  if (body !== null) {
    lines.push(`request.Content = new ByteArrayContent(System.Text.Encoding.UTF8.GetBytes(${literal(body)}));`);
    if (type !== undefined) lines.push(`request.Content.Headers.TryAddWithoutValidation("Content-Type", ${literal(type)});`);
  }
  lines.push(
    "using var answer = await client.SendAsync(request);",
    "Console.WriteLine($\"{(int)answer.StatusCode} {answer.ReasonPhrase}\");",
    "Console.WriteLine(answer.Headers);",
    "Console.WriteLine(await answer.Content.ReadAsStringAsync());",
  );
  return lines.join("\n");
}
