"use strict";
// The page of the service. It uses the same API as any program.

const LIKELY = 0.1; // a word of this share or more is named in the sentence, and shown in bold
const FIELDS = { text_column: "column", entity_column: "entity-column" }; // others are called as the API calls them
const $ = (id) => document.getElementById(id);
const percent = (value) => `${Math.round(100 * value)} %`;
let explains = true;
let readsEntities = false;
let mostExplained = Infinity; // posts at once

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function ask(path, options = {}) {
  const key = $("api-key").value;
  const headers = { ...options.headers, ...(key ? { "X-API-Key": key } : {}) };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Error("The service does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) { $("key").open = true; $("api-key").focus(); }
  const told = await answer.json().catch(() => ({ detail: `The service answered ${answer.status}.` }));
  throw new Error(told.detail);
}

// Say what the API says in the words of the form.
function inWords(message) {
  return message
    .replace(/(?:add )?\?(\w+)=(\S*?)(?=[.;,]?(?:\s|$))/g, (found, name, value) => {
      const field = $(FIELDS[name] ?? name);
      if (!field) return found;
      for (let at = field.parentElement; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
      const label = field.labels[0].textContent.replace(/ \(.*/, "");
      const option = [...field.options ?? []].find((one) => one.value === decodeURIComponent(value));
      return option ? `set “${label}” to “${option.textContent}”` : `fill in “${label}”`;
    })
    .replace(/\btexts\[(\d+)\]/g, (_, place) => `Post ${Number(place) + 1}`)
    .replace(/^texts: /, "");
}

function say(where, text, wrong = false) {
  $(where).textContent = text;
  $(where).className = wrong ? "wrong" : "";
}

async function busy(form, where, work) {
  const button = form.querySelector("button");
  button.disabled = true;
  say(where, "Working …");
  try {
    await work();
  } catch (error) {
    say(where, inWords(error.message), true);
  } finally {
    button.disabled = false;
  }
}

function bars(prediction) {
  const rows = Object.entries(prediction.probabilities).map(([label, value]) => {
    const bar = element("div", { className: "bar", ariaHidden: "true" });
    bar.style.width = `${100 * value}%`;
    return element("tr", {}, element("th", { scope: "row", textContent: label }), element("td", {}, bar),
      element("td", { textContent: percent(value) }));
  });
  return element("table", { ariaLabel: "Probability of each label" }, element("tbody", {}, ...rows));
}

function sentence(prediction) {
  const named = (chosen) => chosen.sort((a, b) => Math.abs(b.share) - Math.abs(a.share))
    .map((one) => `${one.word} (${percent(Math.abs(one.share))})`).join(", ");
  const said = named(prediction.words.filter((one) => one.share >= LIKELY));
  const against = named(prediction.words.filter((one) => one.share <= -LIKELY));
  if (!said && !against) return `No single word decided for ${prediction.label}.`;
  return [said && `For ${prediction.label}: ${said}.`, against && `Against it: ${against}.`]
    .filter(Boolean).join(" ");
}

function words(prediction) {
  const strongest = Math.max(...prediction.words.map((one) => Math.abs(one.share)), 0);
  const shown = prediction.words.flatMap((one) => {
    const side = Math.abs(one.share) < strongest / 5 ? "" : one.share > 0 ? "for" : "against";
    const span = element("span", { className: `${side} ${Math.abs(one.share) >= LIKELY ? "strong" : ""}`.trim() },
      one.word);
    return [span, " "];
  });
  const read = element("p", { className: "words" }, "Influence of each word: ", ...shown);
  read.setAttribute("aria-hidden", "true"); // the sentence says the same without colours
  return [read, element("p", { className: "help", textContent: sentence(prediction) })];
}

function shown(prediction) {
  return element("li", {},
    element("p", { className: "text", textContent: prediction.text }),
    element("p", { className: "label", textContent:
      `${prediction.label}, ${percent(prediction.probabilities[prediction.label])}` }),
    bars(prediction), ...(prediction.words ? words(prediction) : []));
}

async function classify(event) {
  event?.preventDefault();
  const texts = $("posts").value.split("\n").filter((line) => line.trim());
  if (!texts.length) { say("status", "Type a post first.", true); $("posts").focus(); return; }
  await busy($("ask"), "status", async () => {
    $("results").replaceChildren();
    const asked = explains && $("explain").checked;
    const explained = asked && texts.length <= mostExplained;
    const path = explained ? "/explain" : "/predict";
    const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ texts, ...(readsEntities ? { entities: $("entity").value } : {}) }) });
    const predictions = await answer.json();
    $("results").replaceChildren(...predictions.map(shown));
    const first = predictions.length === 1 ? `: ${predictions[0].label}` : "";
    const left = asked && !explained ? ` The influence of each word is shown for at most ${mostExplained} posts at once.` : "";
    say("status", `${predictions.length} ${predictions.length === 1 ? "post" : "posts"} classified${first}.${left}`);
  });
}

async function upload(event) {
  event.preventDefault();
  const file = $("file").files[0];
  if (!file) { say("file-status", "Choose a file first.", true); $("file").focus(); return; }
  await busy($("upload"), "file-status", async () => {
    const column = $("column").value.trim();
    const query = new URLSearchParams({ prefix: "predicted_", delimiter: $("delimiter").value,
      header: $("header").value,
      quoting: $("quoting").value, encoding: $("encoding").value,
      ...(column ? { text_column: column } : {}),
      ...(readsEntities ? { entity_column: $("entity-column").value.trim() } : {}) });
    const answer = await ask(`/predict/csv?${query}`,
      { method: "POST", headers: { "Content-Type": "text/csv" }, body: file });
    const link = element("a", { href: URL.createObjectURL(await answer.blob()),
      download: file.name.replace(/(\.csv)?$/i, "_predicted.csv"), textContent: "Download the result", id: "download" });
    say("file-status", "Done. ");
    $("file-status").append(link);
  });
}

async function introduce() {
  try {
    const model = await (await ask("/model")).json();
    const { technique, protocol, promotion } = model.manifest;
    const accuracy = promotion?.metrics?.accuracy ?? model.manifest.accuracy;
    const figure = typeof accuracy === "number" ? `, accuracy ${accuracy.toFixed(3)}` : "";
    $("model").textContent =
      `Model: ${technique ?? "unnamed"}, protocol ${protocol ?? "not said"}${figure}; labels ${model.labels.join(", ")}.`;
    $("card").hidden = !model.card;
    $("card").querySelector("pre").textContent = model.card;
    explains = model.explains;
    readsEntities = model.reads_entities;
    mostExplained = model.limits.explained_posts;
    $("about").hidden = $("about-column").hidden = !readsEntities;
    $("explain").parentElement.hidden = !explains; // an exported model cannot
  } catch (error) {
    $("model").textContent = error.message;
  }
}

async function start() {
  $("ask").addEventListener("submit", classify);
  $("upload").addEventListener("submit", upload);
  $("posts").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) classify(event);
  });
  $("api-key").addEventListener("change", introduce);
  await introduce();
  const text = new URLSearchParams(location.search).get("text"); // a link to a question: /?text=I love it
  if (text) { $("posts").value = text; await classify(); }
}

start();
