"use strict";
// Shows the OpenAPI document. The usual viewers are loaded from other hosts; this one is not.

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const pretty = (value) => JSON.stringify(value, null, 2);

function resolved(document_, schema) {
  return schema?.$ref ? schema.$ref.split("/").slice(1).reduce((part, name) => part[name], document_) : schema;
}

function command(path, method, kind, example) {
  const key = document.body.dataset.key ? ' -H "X-API-Key: $KEY"' : "";
  const place = `'${location.origin}${path}'${key}`;
  if (method === "get") return `curl ${place}`;
  if (kind === "text/csv") return `curl ${place} -H 'Content-Type: text/csv' --data-binary @posts.csv -o predicted.csv`;
  return `curl ${place} -H 'Content-Type: application/json' -d '${JSON.stringify(example)}'`;
}

function operation(document_, path, method, told) {
  const [kind, body] = Object.entries(told.requestBody?.content ?? {})[0] ?? [];
  const schema = resolved(document_, body?.schema);
  const parts = [
    element("h2", {}, element("code", { textContent: `${method.toUpperCase()} ${path}` })),
    element("p", { textContent: told.description ?? told.summary }),
    element("pre", { textContent: command(path, method, kind, schema?.examples?.[0]), tabIndex: 0 }),
  ];
  for (const one of told.parameters ?? []) {
    parts.push(element("p", {}, element("code", { textContent: one.name }), ` (in the ${one.in}): ${one.description ?? ""}`));
  }
  const answer = Object.entries(told.responses).find(([status]) => status.startsWith("2"));
  const item = answer && Object.values(answer[1].content ?? {})[0]?.schema;
  const answers = resolved(document_, item?.items ?? item);
  if (answers?.properties) {
    parts.push(element("details", {}, element("summary", { textContent: "Schema of the answer" }),
      element("pre", { textContent: pretty(answers), tabIndex: 0 })));
  }
  const errors = Object.entries(told.responses).filter(([status]) => status >= "400");
  parts.push(element("p", { className: "help", textContent:
    `Errors (application/problem+json): ${errors.map(([status, one]) => `${status} ${one.description}`).join(", ")}.` }));
  return element("section", {}, ...parts);
}

async function start() {
  const main = document.getElementById("paths");
  try {
    const told = await (await fetch("/openapi.json")).json();
    if (told.components?.securitySchemes) document.body.dataset.key = "yes";
    const sections = Object.entries(told.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, one]) => operation(told, path, method, one)));
    main.replaceChildren(element("p", { textContent: told.info.description }), ...sections);
  } catch (error) {
    main.replaceChildren(element("p", { className: "wrong", textContent: `The document cannot be read: ${error.message}` }));
  }
}

start();
